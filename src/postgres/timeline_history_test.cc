#include "postgres/timeline_history.h"

#include "testing/errors.h"

namespace postgres {
namespace {

TEST(TimelineHistory, of_the_first_timeline_is_the_whole_log) {
  const TimelineHistory history(Timeline{1});
  EXPECT_EQ(history.timeline(), Timeline{1});
  EXPECT_EQ(history.legs().size(), 1u);
  EXPECT_EQ(history.timeline_at({0}), Timeline{1});
  EXPECT_EQ(history.timeline_at({UINT64_MAX - 1}), Timeline{1});
  EXPECT_TRUE(history.contains(Timeline{1}, {UINT64_MAX}));
  EXPECT_FALSE(history.contains(Timeline{2}, {0}));
}

TEST(TimelineHistory, is_read_as_the_server_writes_it) {
  const TimelineHistory history =
      TimelineHistory::parse(Timeline{5},
                             "1\t0/3000060\tno recovery target specified\n"
                             "\n"
                             "# a remark\n"
                             "  3 1/A0\tbefore 2026-11-22 14:03:07+08\r\n");
  ASSERT_EQ(history.legs().size(), 3u);
  EXPECT_EQ(history.timeline(), Timeline{5});
  EXPECT_EQ(history.legs()[0].end, parse_lsn("0/3000060"));
  EXPECT_EQ(history.legs()[1].timeline, Timeline{3});
  EXPECT_EQ(history.legs()[1].begin, parse_lsn("0/3000060"));
  EXPECT_EQ(history.legs()[2].begin, parse_lsn("1/A0"));
}

TEST(TimelineHistory, knows_which_timeline_holds_a_byte) {
  const TimelineHistory history = TimelineHistory::parse(Timeline{3}, "1\t0/100\tx\n2\t0/200\tx\n");
  EXPECT_EQ(history.timeline_at({0xFF}), Timeline{1});
  EXPECT_EQ(history.timeline_at({0x100}), Timeline{2});
  EXPECT_EQ(history.timeline_at({0x1FF}), Timeline{2});
  EXPECT_EQ(history.timeline_at({0x200}), Timeline{3});
  // A range may end exactly where its timeline does.
  EXPECT_TRUE(history.contains(Timeline{1}, {0x100}));
  EXPECT_FALSE(history.contains(Timeline{1}, {0x101}));
  EXPECT_TRUE(history.contains(Timeline{2}, {0x200}));
  EXPECT_FALSE(history.contains(Timeline{2}, {0x201}));
  EXPECT_TRUE(history.contains(Timeline{3}, {UINT64_MAX}));
  EXPECT_FALSE(history.contains(Timeline{4}, {0x10}));
}

TEST(TimelineHistory, may_leave_its_parent_where_the_parent_began) {
  const TimelineHistory history = TimelineHistory::parse(Timeline{3}, "1\t0/100\tx\n2\t0/100\tx\n");
  EXPECT_EQ(history.timeline_at({0x100}), Timeline{3});
}

TEST(TimelineHistory, refuses_what_is_no_history) {
  for (const char* text :
       {"x", "1", "1\n", "1 \n", "0\t0/100\n", "1\t0\n", "1\tx/y\n", "10/100\n", "-1\t0/100\n",
        "2\t0/100\n1\t0/200\n", "1\t0/100\n1\t0/200\n", "1\t0/200\n2\t0/100\n", "3\t0/100\n",
        "4\t0/100\n", "4294967297\t0/100\n"}) {
    EXPECT_ERROR(corrupt, TimelineHistory::parse(Timeline{3}, text)) << text;
  }
}

}  // namespace
}  // namespace postgres
