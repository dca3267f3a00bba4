#include "repository/dump_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "storage/file_store.h"

namespace repository {
namespace {

using base::ErrorKind;

DumpRecord some_record(const DumpName& name) {
  DumpRecord record{.name = name, .zone = "Asia/Singapore", .tier = "nightly"};
  record.slot = base::from_rfc3339("2026-11-21T19:30:00Z");
  record.started = record.snapshot_at = record.finished = *record.slot;
  record.size = 12345;
  record.sha256 = std::string(64, 'a');
  record.offsets = true;
  record.locale = {"UTF8", "C", "C", "i", "en-US"};
  record.extensions = {{"hstore", "1.8", "public"}};
  record.left_out = {"pgboss.job"};
  record.relations = {
      {"public", "staff", 'r', 20}, {"public", "m", 'm', 7}, {"pgboss", "job", 'r', {}}};
  record.sequences = {{"public", "s", SequenceValue{-3, true}}, {"public", "t", {}}};
  record.privileges = {{"TABLE staff", "public", "GRANT SELECT ON TABLE public.staff TO app;"}};
  record.globals.roles = {{.name = "app", .login = true}};
  record.database_settings.owner = "app";
  record.warnings = {"pg_dump: warning: x"};
  return record;
}

template <typename Work>
base::Error failure_of(Work&& work) {
  try {
    work();
  } catch (const base::Error& failure) {
    return failure;
  }
  ADD_FAILURE() << "no error where one is wanted";
  return {ErrorKind::cancelled, ""};
}

class DumpRecordTest : public testing::Test {
 protected:
  void put_archive(const DumpName& name) {
    store_.put_if_absent(name.archive_key(), base::as_bytes("PGDMP"), {});
  }
  std::string found(const std::string& wanted) {
    return find_dump(list_dumps(store_, {}), "breezycorp", wanted).text();
  }

  base::TemporaryFolder folder_;
  storage::FileStore store_{folder_.path()};
  DumpName first_{"breezycorp", "2026-11-21", 1};
  DumpName second_{"breezycorp", "2026-11-22", 1};
  DumpName again_{"breezycorp", "2026-11-22", 2};
  DumpName other_{"other", "2026-12-01", 1};
};

TEST_F(DumpRecordTest, is_the_same_when_read_again) {
  const DumpRecord record = some_record(first_);
  put_record(store_, record, {});
  EXPECT_EQ(to_json(read_record(store_, first_, {})), to_json(record));
  EXPECT_EQ(record.rows(), 20);
}

TEST_F(DumpRecordTest, may_vouch_for_what_was_sent_alone_and_never_for_nothing) {
  DumpRecord record = some_record(first_);
  record.sha256.reset();
  record.head_sha256 = std::string(64, 'b');
  record.rest_sha256 = std::string(64, 'c');
  base::Json json = to_json(record);
  EXPECT_TRUE(json.at("sha256").is_null());
  EXPECT_FALSE(json.at("read_back").get<bool>());
  EXPECT_EQ(to_json(dump_record_from_json(json)), json);
  json["rest_sha256"] = nullptr;
  EXPECT_EQ(failure_of([&] { dump_record_from_json(json); }).kind(), ErrorKind::corrupt);

  // As records were before they had these members.
  json = to_json(some_record(first_));
  for (const char* member : {"head_sha256", "rest_sha256", "read_back"}) json.erase(member);
  EXPECT_EQ(dump_record_from_json(json).sha256, std::string(64, 'a'));
}

TEST_F(DumpRecordTest, is_written_once) {
  put_record(store_, some_record(first_), {});
  EXPECT_EQ(failure_of([&] { put_record(store_, some_record(first_), {}); }).kind(),
            ErrorKind::conflict);
}

TEST_F(DumpRecordTest, of_another_dump_is_refused) {
  store_.put_if_absent(second_.record_key(), base::as_bytes("x"), {});
  EXPECT_EQ(failure_of([&] { read_record(store_, second_, {}); }).kind(), ErrorKind::corrupt);
  put_record(store_, some_record(first_), {});
  std::filesystem::rename(folder_.path() / first_.record_key().text(),
                          folder_.path() / again_.record_key().text());
  EXPECT_EQ(failure_of([&] { read_record(store_, again_, {}); }).kind(), ErrorKind::corrupt);
}

TEST_F(DumpRecordTest, makes_a_dump_one_that_is_found) {
  for (const DumpName& name : {first_, second_, again_, other_}) put_archive(name);
  for (const DumpName& name : {first_, second_, other_}) put_record(store_, some_record(name), {});
  store_.put_if_absent(storage::ObjectKey("readme.txt"), base::as_bytes("not ours"), {});
  EXPECT_EQ(list_dumps(store_, {}).size(), 4u);
  EXPECT_EQ(found("latest"), second_.text());
  EXPECT_EQ(found("2026-11-22"), second_.text());  // the second of that day has no record
  EXPECT_EQ(found("2026-11-21"), first_.text());
  EXPECT_EQ(found("other_2026-12-01"), other_.text());
  EXPECT_EQ(failure_of([&] { found("breezycorp_2026-11-22.2.dump"); }).kind(), ErrorKind::conflict);
  const base::Error absent = failure_of([&] { found("2026-12-01"); });
  EXPECT_EQ(absent.kind(), ErrorKind::absent);
  EXPECT_NE(absent.hint().find(second_.text()), std::string::npos);
  put_record(store_, some_record(again_), {});
  EXPECT_EQ(found("2026-11-22"), again_.text());
}

}  // namespace
}  // namespace repository
