#include "repository/dump_copy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "crypto/local_key_file.h"
#include "repository/dump_store.h"
#include "repository/sealed_store.h"
#include "storage/file_store.h"
#include "testing/errors.h"
#include "testing/faulty_store.h"
#include "testing/memory_store.h"

namespace repository {
namespace {

using base::ErrorKind;
using base::Path;
using testing::Fault;

const std::string body = std::string(300'000, 'd');
const base::Instant epoch{};

DumpName put_dump(storage::ObjectStore& store, const std::string& date,
                  const std::string& text = body) {
  DumpRecord record{.name = {"shop", date, 1}, .tier = "nightly", .size = text.size()};
  record.sha256 = crypto::sha256_hex(base::as_bytes(text));
  record.locale = {"UTF8", "C", "C", "c", {}};
  store.put_if_absent(record.name.archive_key(), base::as_bytes(text), {});
  put_record(store, record, {});
  return record.name;
}

std::vector<StoredDump> missing(storage::ObjectStore& source, storage::ObjectStore& replica) {
  return missing_copies(list_dumps(source, {}), list_dumps(replica, {}), "shop", epoch);
}

class DumpCopyTest : public testing::Test {
 protected:
  void copy_missing(const CopyOrder& order) {
    for (const StoredDump& dump : missing(order.source.stored, order.replica.stored))
      copy_dump(order, dump, progress_, {});
  }
  void copy_missing(storage::ObjectStore& to) {
    copy_missing({{source_, source_}, {to, to}, {}, {}});
  }
  std::shared_ptr<crypto::KeyWrapper> key(const std::string& name) {
    const Path path = folder_.path() / name;
    if (!std::filesystem::exists(path)) crypto::LocalKeyFile::create(path, epoch);
    return std::make_shared<crypto::LocalKeyFile>(crypto::LocalKeyFile::load(path));
  }
  std::shared_ptr<crypto::KeyWrapper> both() {
    std::vector<std::unique_ptr<crypto::KeyWrapper>> keys;
    for (const char* name : {"first", "second"}) {
      key(name);
      keys.push_back(std::make_unique<crypto::LocalKeyFile>(
          crypto::LocalKeyFile::load(folder_.path() / name)));
    }
    return std::make_shared<crypto::AnyOf>(std::move(keys));
  }
  void expect_whole(storage::ObjectStore& in_clear) {
    VerifyProgress progress;
    const VerifyReport report = verify_dumps(in_clear, "shop", progress, {});
    EXPECT_TRUE(report.damage.empty()) << report.damage.at(0).what;
    EXPECT_EQ(report.objects, 2 * list_dumps(source_, {}).size());
  }

  base::TemporaryFolder folder_;
  testing::MemoryStore source_;
  testing::MemoryStore replica_;
  std::atomic<uint64_t> progress_{0};
};

TEST_F(DumpCopyTest, brings_what_is_missing_and_nothing_twice) {
  put_dump(source_, "2026-11-21");
  copy_missing(replica_);
  put_dump(source_, "2026-11-22");
  EXPECT_THAT(missing(source_, replica_), testing::SizeIs(1));
  copy_missing(replica_);
  EXPECT_EQ(progress_, 2 * body.size());
  EXPECT_TRUE(missing(source_, replica_).empty());
  expect_whole(replica_);
}

TEST_F(DumpCopyTest, leaves_out_what_is_not_finished_or_old_or_of_another_database) {
  source_.put_if_absent(storage::ObjectKey("shop_2026-11-20.dump"), base::as_bytes("x"), {});
  put_dump(source_, "2026-11-21");
  const std::vector<StoredDump> dumps = list_dumps(source_, {});
  EXPECT_THAT(missing_copies(dumps, {}, "shop", epoch), testing::SizeIs(1));
  EXPECT_TRUE(missing_copies(dumps, {}, "other", epoch).empty());
  const base::Instant later = dumps.back().modified + std::chrono::hours(1);
  EXPECT_TRUE(missing_copies(dumps, {}, "shop", later).empty());
}

TEST_F(DumpCopyTest, completes_what_any_failure_left) {
  put_dump(source_, "2026-11-21");
  for (const Fault fault : testing::all_faults) {
    for (uint64_t call = 1;; ++call) {
      testing::MemoryStore below;
      testing::FaultyStore replica(below);
      replica.fail_call(call, fault);
      try {
        copy_missing(replica);
      } catch (const base::Error&) {
      }
      if (!replica.failed()) break;
      replica.heal();
      copy_missing(replica);
      expect_whole(below);
    }
  }
}

TEST_F(DumpCopyTest, of_damaged_bytes_is_not_made) {
  const DumpName name = put_dump(source_, "2026-11-21");
  source_.remove(name.archive_key(), {});
  source_.put_if_absent(name.archive_key(), base::as_bytes(std::string(body.size(), 'e')), {});
  EXPECT_EQ(testing::error_of([&] { copy_missing(replica_); }).kind(), ErrorKind::corrupt);
  EXPECT_TRUE(storage::list_all(replica_, "", {}).empty());
}

TEST_F(DumpCopyTest, does_not_vouch_for_somebody_elses_object) {
  const DumpName name = put_dump(source_, "2026-11-21");
  replica_.put_if_absent(name.archive_key(), base::as_bytes(std::string(body.size(), 'e')), {});
  EXPECT_EQ(testing::error_of([&] { copy_missing(replica_); }).kind(), ErrorKind::conflict);
  EXPECT_FALSE(replica_.stat(name.record_key(), {}));
}

TEST_F(DumpCopyTest, of_sealed_bytes_is_these_bytes_and_opens_with_the_replicas_key) {
  SealedStore source(source_, both(), dumps_scope);
  const DumpName name = put_dump(source, "2026-11-21");
  SealedStore replica(replica_, both(), dumps_scope);
  copy_missing({{source_, source}, {replica_, replica}, both(), key("second")});
  for (const storage::ObjectKey& object : {name.archive_key(), name.record_key()})
    EXPECT_EQ(replica_.get(object, base::MiB, {}), source_.get(object, base::MiB, {}));
  SealedStore alone(replica_, key("second"), dumps_scope);
  expect_whole(alone);
}

TEST_F(DumpCopyTest, of_what_was_sealed_before_the_replica_had_a_key_is_sealed_anew) {
  SealedStore source(source_, key("first"), dumps_scope);
  put_dump(source, "2026-11-21");
  SealedStore replica(replica_, both(), dumps_scope);
  copy_missing({{source_, source}, {replica_, replica}, key("first"), key("second")});
  SealedStore alone(replica_, key("second"), dumps_scope);
  expect_whole(alone);
}

TEST_F(DumpCopyTest, of_damaged_sealed_bytes_is_not_made) {
  SealedStore source(source_, both(), dumps_scope);
  const DumpName name = put_dump(source, "2026-11-21");
  base::Bytes damaged = *source_.get(name.archive_key(), base::MiB, {});
  damaged[100'000] ^= std::byte{1};
  source_.remove(name.archive_key(), {});
  source_.put_if_absent(name.archive_key(), damaged, {});
  SealedStore replica(replica_, both(), dumps_scope);
  EXPECT_EQ(testing::error_of([&] {
              copy_missing({{source_, source}, {replica_, replica}, both(), key("second")});
            }).kind(),
            ErrorKind::corrupt);
  EXPECT_TRUE(storage::list_all(replica_, "", {}).empty());
}

}  // namespace
}  // namespace repository
