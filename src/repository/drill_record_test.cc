#include "repository/drill_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/sample_repository.h"

namespace repository {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;

DrillRecord some_drill(DrillKind kind, const std::string& started) {
  DrillRecord record;
  record.kind = kind;
  record.started = base::from_rfc3339(started);
  record.ended = record.started + seconds(20);
  record.id = base::to_compact(record.started) + "-0a1b2c3d";
  record.slot = record.started - seconds(5);
  record.host = "db1";
  record.source = "snapshot 20261122T190000Z";
  record.place = "file:///backup";
  record.target = "the end of the archived log";
  record.seed = ~uint64_t{0};
  record.moment = record.started - seconds(90);
  record.major = 15;
  record.bytes = 123;
  record.cut_off = true;
  record.steps = {{"fetch", milliseconds(1500)}, {"checks", seconds(2)}};
  record.known_bad = {{"rows deleted", "tables", true}};
  record.checks = {{"tables", DrillVerdict::passed, "3 tables"},
                   {"roles", DrillVerdict::unproven, "no dump"}};
  record.rto = seconds(4);
  record.rpo = milliseconds(31500);
  record.rpo_by = "heartbeat";
  record.rto_objective = seconds(900);
  record.at_worst = WorstRestore{.bytes = 52'000'000'000,
                                 .log_bytes = 3'000'000'000,
                                 .bytes_per_second = 480'000'000,
                                 .log_bytes_per_second = 60'000'000,
                                 .files_measured = true,
                                 .log_measured = false,
                                 .takes = seconds(160)};
  record.tables = {{"public.t", 7}};
  record.notes = {"2 tables were emptied"};
  record.passed = true;
  return record;
}

TEST(DrillRecord, comes_back_as_it_was) {
  const DrillRecord record = some_drill(DrillKind::moment, "2026-11-22T19:30:46.5Z");
  EXPECT_EQ(to_json(drill_record_from_json(to_json(record))), to_json(record));
  DrillRecord failed = record;
  failed.passed = false;
  failed.failed_step = "fetch";
  failed.error_kind = "corrupt";
  failed.error = "a hole";
  failed.rto.reset();
  failed.at_worst.reset();
  failed.seed.reset();
  EXPECT_EQ(to_json(drill_record_from_json(to_json(failed))), to_json(failed));
  failed.error = "caf\xe9";  // no UTF-8
  EXPECT_EQ(drill_record_from_json(to_json(failed)).error, "caf\xef\xbf\xbd");
  base::Json wrong = to_json(record);
  wrong["kind"] = "yearly";
  EXPECT_ERROR(corrupt, drill_record_from_json(wrong));
  wrong = to_json(record);
  wrong["checks"][0]["verdict"] = "fine";
  EXPECT_ERROR(corrupt, drill_record_from_json(wrong));
}

TEST(DrillRecord, says_in_a_sentence_why_it_did_not_pass) {
  DrillRecord record = some_drill(DrillKind::dump, "2026-11-22T19:30:46Z");
  EXPECT_EQ(record.failure(), "");
  record.passed = false;
  record.checks.push_back({"left out", DrillVerdict::failed, "rows"});
  record.checks.push_back({"rto", DrillVerdict::failed, "too slow"});
  EXPECT_EQ(record.failure(), "left out: rows; rto: too slow");
  record.known_bad[0].caught = false;
  EXPECT_THAT(record.failure(), testing::HasSubstr("'tables' did not find"));
  record.known_bad.clear();
  EXPECT_THAT(record.failure(), testing::HasSubstr("nothing to damage"));
  record.failed_step = "replay";
  record.error = "a hole";
  EXPECT_EQ(record.failure(), "replay: a hole");
}

TEST(DrillRecord, is_kept_by_kind_and_read_in_order_of_time) {
  testing::SampleRepository sample;
  const Repository& repository = sample.repository;
  const DrillRecord first = some_drill(DrillKind::dump, "2026-11-01T00:00:00Z");
  const DrillRecord second = some_drill(DrillKind::latest, "2026-11-08T00:00:00Z");
  const DrillRecord third = some_drill(DrillKind::dump, "2026-11-15T00:00:00Z");
  for (const DrillRecord* one : {&third, &second, &first}) put_drill(repository, *one, {});
  const auto ids = [&](size_t newest_max) {
    std::vector<std::string> found;
    for (const DrillRecord& one : read_drills(repository, newest_max, {})) found.push_back(one.id);
    return found;
  };
  EXPECT_THAT(ids(9), ElementsAre(first.id, second.id, third.id));
  EXPECT_THAT(ids(1), ElementsAre(second.id, third.id));
  // Two within a second: their ids do not tell which is the newer.
  DrillRecord early = some_drill(DrillKind::weekly, "2026-11-22T00:00:00.1Z");
  DrillRecord late = some_drill(DrillKind::weekly, "2026-11-22T00:00:00.6Z");
  early.id = base::to_compact(early.started) + "-ffffffff";
  late.id = base::to_compact(late.started) + "-00000000";
  for (const DrillRecord* one : {&early, &late}) put_drill(repository, *one, {});
  EXPECT_THAT(ids(1), ElementsAre(second.id, third.id, late.id));
  EXPECT_THAT(ids(2), ElementsAre(first.id, second.id, third.id, early.id, late.id));
  EXPECT_EQ(read_drill(repository, second.id, {}).kind, DrillKind::latest);
  EXPECT_ERROR(absent, read_drill(repository, "20261108T000000Z-00000000", {}));
  EXPECT_ERROR(absent, read_drill(repository, "../snapshots", {}));
  EXPECT_ERROR(absent, read_drill(repository, "", {}));
}

TEST(SignOff, comes_back_as_it_was) {
  testing::SampleRepository sample;
  const SignOff given{.quarter = "2026Q4",
                      .by = "Jane Doe",
                      .at = base::from_rfc3339("2026-12-01T00:00:00Z"),
                      .note = "all \"well\"",
                      .drills = {"a", "b"}};
  put_sign_off(sample.repository, given, {});
  const std::vector<SignOff> found = read_sign_offs(sample.repository, {});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(to_json(found[0]), to_json(given));
}

}  // namespace
}  // namespace repository
