#include "base/phase_clock.h"

#include <gtest/gtest.h>

#include "base/task_group.h"

namespace base {
namespace {

std::vector<std::string> phases(const PhaseClock& clock) {
  std::vector<std::string> names;
  for (const Json& one : clock.to_json()) names.push_back(one.at("phase"));
  return names;
}

TEST(PhaseClock, tells_the_phases_in_their_order_and_the_present_one) {
  PhaseClock clock("starting");
  EXPECT_STREQ(clock.load(), "starting");
  clock = "reading";
  clock = "ending";
  clock = "reading";
  EXPECT_STREQ(clock.load(), "reading");
  EXPECT_EQ(phases(clock), (std::vector<std::string>{"starting", "reading", "ending"}));
}

TEST(PhaseClock, counts_all_the_time_of_a_phase) {
  PhaseClock clock("a");
  ASSERT_TRUE(sleep_for(std::chrono::milliseconds(20), {}));
  clock = "b";
  clock = "a";
  ASSERT_TRUE(sleep_for(std::chrono::milliseconds(20), {}));
  EXPECT_GE(clock.to_json().at(0).at("seconds").get<double>(), 0.04);
}

TEST(PhaseClock, has_a_bound) {
  std::vector<std::string> names;
  for (int i = 0; i < 100; ++i) names.push_back(std::to_string(i));
  PhaseClock clock("first");
  for (const std::string& name : names) clock = name.c_str();
  EXPECT_EQ(phases(clock).size(), 32u);
}

}  // namespace
}  // namespace base
