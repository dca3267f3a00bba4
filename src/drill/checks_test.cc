#include "drill/checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drill/rehearsal.h"

namespace drill {
namespace {

using repository::DrillKind;
using repository::DrillRecord;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;

Contents some_contents() {
  Contents contents;
  contents.tables = {{.name = "public.a", .sql_name = {}, .rows = 10},
                     {.name = "public.b", .sql_name = {}, .rows = 100},
                     {.name = "public.left", .sql_name = {}, .rows = 0},
                     {.name = "public.cache", .sql_name = {}, .unlogged = true, .rows = 0}};
  for (const CountedTable& table : contents.tables) contents.relations[table.name] = 'r';
  contents.relations["public.v"] = 'v';
  return contents;
}

Reference some_dump(bool exact) {
  repository::DumpRecord record;
  record.name = {"shop", "2026-11-22", 1};
  record.relations = {{"public", "a", 'r', 10},
                      {"public", "b", 'r', 100},
                      {"public", "left", 'r', {}},
                      {"public", "cache", 'r', exact ? 0 : 1000},
                      {"public", "v", 'v', {}}};
  return reference_from(record, exact);
}

TEST(JudgeTables, wants_every_row_of_the_dump_that_was_restored) {
  EXPECT_EQ(judge_tables(some_contents(), some_dump(true)).verdict, DrillVerdict::passed);
  Contents contents = some_contents();
  contents.tables[0].rows = 9;
  DrillCheckResult check = judge_tables(contents, some_dump(true));
  EXPECT_EQ(check.verdict, DrillVerdict::failed);
  EXPECT_EQ(check.seen, "public.a has 9 rows of 10");
  contents = some_contents();
  contents.tables[2].rows = 1;  // was left out
  EXPECT_EQ(judge_tables(contents, some_dump(true)).verdict, DrillVerdict::failed);
  contents = some_contents();
  contents.relations.erase("public.v");
  EXPECT_THAT(judge_tables(contents, some_dump(true)).seen, HasSubstr("public.v is missing"));
}

TEST(JudgeTables, wants_what_had_rows_near_the_moment_to_have_some) {
  Contents contents = some_contents();
  contents.tables[0].rows = 1;
  contents.tables[1].rows = 54;
  EXPECT_EQ(judge_tables(contents, some_dump(false)).verdict, DrillVerdict::passed);
  contents.tables[1].rows = 53;
  EXPECT_THAT(judge_tables(contents, some_dump(false)).seen, HasSubstr("54 rows of 110"));
  contents = some_contents();
  contents.tables[0].rows = 0;
  EXPECT_THAT(judge_tables(contents, some_dump(false)).seen,
              HasSubstr("public.a is empty, which had 10 rows"));
  contents.tables.erase(contents.tables.begin());
  EXPECT_THAT(judge_tables(contents, some_dump(false)).seen, HasSubstr("public.a is missing"));
}

TEST(JudgeTables, proves_nothing_by_itself) {
  EXPECT_EQ(judge_tables(some_contents(), std::nullopt).verdict, DrillVerdict::unproven);
}

DrillRecord measured(DrillKind kind, base::Duration rto, base::Duration rpo, std::string by) {
  DrillRecord record;
  record.kind = kind;
  record.rto = rto;
  record.rpo = rpo;
  record.rpo_by = std::move(by);
  record.known_bad = {{"rows deleted", "tables", true}};
  judge_objectives({.rto = minutes(15), .rpo = minutes(1)}, record);
  return record;
}

TEST(JudgeObjectives, fails_a_restore_that_is_slower_or_older) {
  EXPECT_TRUE(passes(measured(DrillKind::latest, minutes(15), minutes(1), "heartbeat")));
  EXPECT_FALSE(passes(measured(DrillKind::latest, minutes(15) + seconds(1), {}, "heartbeat")));
  EXPECT_FALSE(passes(measured(DrillKind::moment, {}, seconds(61), "heartbeat")));
}

TEST(JudgeObjectives, does_not_take_an_idle_database_for_a_loss) {
  const DrillRecord record = measured(DrillKind::latest, {}, minutes(2), "last transaction");
  EXPECT_TRUE(passes(record));
  EXPECT_EQ(record.checks.back().verdict, DrillVerdict::unproven);
}

TEST(JudgeObjectives, asks_of_dumps_and_weekly_snapshots_what_they_promise) {
  EXPECT_TRUE(passes(measured(DrillKind::weekly, minutes(1), minutes(5000), "snapshot")));
  EXPECT_FALSE(passes(measured(DrillKind::weekly, minutes(16), minutes(5000), "snapshot")));
  const DrillRecord dump = measured(DrillKind::dump, minutes(16), minutes(5000), "dump");
  EXPECT_TRUE(passes(dump));
  EXPECT_THAT(dump.notes.at(0), HasSubstr("objective"));
}

TEST(Passes, only_if_damage_on_purpose_was_found) {
  DrillRecord record = measured(DrillKind::latest, {}, {}, "heartbeat");
  EXPECT_TRUE(passes(record));
  record.known_bad.push_back({"a bit flipped", "checksums", false});
  EXPECT_FALSE(passes(record));
  record.known_bad.clear();
  EXPECT_FALSE(passes(record));
}

}  // namespace
}  // namespace drill
