#include "storage/throttled_store.h"

#include "storage/file_store.h"
#include "testing/object_store_contract.h"

namespace testing {
namespace {

using base::Bytes;
using storage::ObjectKey;
using storage::ThrottledStore;

class ThrottledFolder {
 public:
  storage::ObjectStore& store() { return store_; }

 private:
  base::TemporaryFolder folder_;
  ThrottledStore store_{std::make_unique<storage::FileStore>(folder_.path()),
                        std::make_shared<base::RateLimit>(100'000 * base::MiB), "wal/"};
};
INSTANTIATE_TYPED_TEST_SUITE_P(ThrottledStore, ObjectStoreContract, ThrottledFolder);

class ThrottledStoreTest : public Test {
 protected:
  // What the next of the limit's users has to wait for.
  base::Duration owed() { return limit_->reserve(0, base::Duration::zero()); }

  base::TemporaryFolder folder_;
  std::shared_ptr<base::RateLimit> limit_ = std::make_shared<base::RateLimit>(base::MiB);
  ThrottledStore store_{std::make_unique<storage::FileStore>(folder_.path()), limit_, "wal/"};
};

TEST_F(ThrottledStoreTest, counts_what_is_sent_either_way) {
  store_.put_if_absent(ObjectKey("packs/1"), Bytes(base::MiB / 4), {});
  EXPECT_GE(owed(), std::chrono::milliseconds(250));
  const base::Stopwatch watch;
  const auto writer = store_.begin_write(ObjectKey("packs/2"), {}, {});
  writer->write(Bytes(base::MiB / 8));  // pays for the first
  EXPECT_GE(watch.elapsed(), std::chrono::milliseconds(150));
  writer->write(Bytes(1));
  EXPECT_GE(watch.elapsed(), std::chrono::milliseconds(300));
  writer->commit();
  EXPECT_EQ(store_.stat(ObjectKey("packs/2"), {})->size, base::MiB / 8 + 1);
}

TEST_F(ThrottledStoreTest, counts_neither_what_is_free_nor_what_is_read) {
  store_.put_if_absent(ObjectKey("wal/1"), Bytes(64 * base::MiB), {});
  const auto writer = store_.begin_write(ObjectKey("wal/2"), {}, {});
  writer->write(Bytes(64 * base::MiB));
  writer->commit();
  EXPECT_EQ(store_.get(ObjectKey("wal/1"), 64 * base::MiB, {})->size(), 64 * base::MiB);
  EXPECT_EQ(owed(), base::Duration::zero());
}

TEST_F(ThrottledStoreTest, ends_waiting_with_a_stop_and_stores_nothing) {
  limit_->take(1000 * base::MiB, {});
  std::stop_source stop;
  stop.request_stop();
  EXPECT_ERROR(cancelled, store_.put_if_absent(ObjectKey("packs/1"), Bytes(1), stop.get_token()));
  EXPECT_FALSE(store_.stat(ObjectKey("packs/1"), {}));
}

}  // namespace
}  // namespace testing
