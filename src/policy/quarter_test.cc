#include "policy/quarter.h"

#include <gtest/gtest.h>

#include "testing/errors.h"

namespace policy {
namespace {

TEST(Quarter, begins_and_ends_on_the_calendar_of_its_zone) {
  const Zone singapore = Zone::named("Asia/Singapore");
  const Quarter last{2026, 4};
  EXPECT_EQ(base::to_rfc3339(begin_of(last, singapore)), "2026-09-30T16:00:00Z");
  EXPECT_EQ(base::to_rfc3339(begin_of(next(last), singapore)), "2026-12-31T16:00:00Z");
  EXPECT_EQ(last_day(last), "2026-12-31");
  EXPECT_EQ(last_day({2026, 1}), "2026-03-31");
  EXPECT_EQ(quarter_at(base::from_rfc3339("2026-12-31T15:59:59Z"), singapore), last);
  EXPECT_EQ(quarter_at(base::from_rfc3339("2026-12-31T16:00:00Z"), singapore), (Quarter{2027, 1}));
}

TEST(Quarter, is_written_and_read) {
  EXPECT_EQ(to_string({2026, 4}), "2026Q4");
  EXPECT_EQ(parse_quarter("2026Q4"), (Quarter{2026, 4}));
  EXPECT_EQ(previous(parse_quarter("2027Q1")), (Quarter{2026, 4}));
  for (const char* wrong : {"", "2026", "2026Q5", "2026Q0", "2026q4", "26Q4", "20-6Q4", "2026Q44"})
    EXPECT_ERROR(invalid, parse_quarter(wrong)) << wrong;
}

}  // namespace
}  // namespace policy
