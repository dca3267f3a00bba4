#include "app/timeline_picture.h"

#include <gtest/gtest.h>

namespace app {
namespace {

TEST(TimelinePicture, shows_snapshots_log_holes_and_marks) {
  const base::Instant begin = base::from_rfc3339("2026-11-22T00:00:00Z");
  const auto hour = [&](int hours) { return begin + std::chrono::hours(hours); };
  TimelineFacts facts{.begin = begin, .end = hour(40), .snapshots = {}, .logs = {}, .marks = {}};
  facts.snapshots = {hour(-5), hour(2), hour(26)};
  facts.logs = {{.timeline = 1, .stretches = {{hour(-10), hour(10)}, {hour(20), hour(38)}}}};
  facts.marks = {hour(30)};
  EXPECT_EQ(timeline_picture(facts, policy::Zone::named("Asia/Singapore"), 40),
            "  snapshots    ..S.......................S.............\n"
            "  log          ==========xxxxxxxxxxx==================.\n"
            "  transactions ..............................*.........\n"
            "               2026-11-22 08:00        2026-11-24 00:00\n");
}

TEST(TimelinePicture, a_moment_alone_can_be_drawn) {
  const base::Instant noon = base::from_rfc3339("2026-11-22T12:00:00Z");
  TimelineFacts facts{.begin = noon, .end = noon, .snapshots = {noon}, .logs = {}, .marks = {}};
  EXPECT_NE(timeline_picture(facts, policy::Zone(), 10).find('S'), std::string::npos);
}

}  // namespace
}  // namespace app
