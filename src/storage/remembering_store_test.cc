#include "storage/remembering_store.h"

#include "storage/file_store.h"
#include "testing/faulty_store.h"
#include "testing/object_store_contract.h"

namespace testing {
namespace {

using base::Bytes;
using storage::ObjectKey;
using storage::ReadMemory;
using storage::RememberingStore;

class RememberedFolder {
 public:
  storage::ObjectStore& store() { return store_; }

 private:
  base::TemporaryFolder folder_;
  RememberingStore store_{std::make_unique<storage::FileStore>(folder_.path()),
                          std::make_shared<ReadMemory>(8 * base::MiB)};
};
INSTANTIATE_TYPED_TEST_SUITE_P(RememberingStore, ObjectStoreContract, RememberedFolder);

class RememberingStoreTest : public Test {
 protected:
  base::TemporaryFolder folder_;
  storage::FileStore below_{folder_.path()};
  FaultyStore counted_{below_};
  std::shared_ptr<ReadMemory> memory_ = std::make_shared<ReadMemory>(2 * base::MiB);

  // A store of its own over the counting one, as each look makes one.
  std::optional<Bytes> get(const std::string& key, uint64_t bytes_max = base::MiB) {
    RememberingStore store(
        std::make_unique<FaultyStore>(static_cast<storage::ObjectStore&>(counted_)), memory_);
    return store.get(ObjectKey(key), bytes_max, {});
  }
  void put(const std::string& key, size_t size) {
    below_.put_if_absent(ObjectKey(key), Bytes(size), {});
  }
};

TEST_F(RememberingStoreTest, asks_once_for_what_is_there_and_always_for_what_is_not) {
  EXPECT_FALSE(get("a"));
  put("a", 100);
  EXPECT_EQ(get("a")->size(), 100u);
  const uint64_t calls = counted_.calls();
  EXPECT_EQ(get("a")->size(), 100u);
  EXPECT_EQ(counted_.calls(), calls);
  EXPECT_FALSE(get("b"));
  EXPECT_GT(counted_.calls(), calls);
}

TEST_F(RememberingStoreTest, holds_no_more_than_it_may) {
  for (int i = 0; i < 6; ++i) {
    put("k" + std::to_string(i), base::MiB / 2);
    EXPECT_TRUE(get("k" + std::to_string(i)));
  }
  const uint64_t calls = counted_.calls();
  EXPECT_TRUE(get("k5"));
  EXPECT_EQ(counted_.calls(), calls);
  EXPECT_TRUE(get("k0"));  // forgotten when there was no room
  EXPECT_GT(counted_.calls(), calls);
}

TEST_F(RememberingStoreTest, refuses_what_is_longer_than_may_be_also_from_memory) {
  put("a", 1000);
  EXPECT_TRUE(get("a"));
  EXPECT_ERROR(corrupt, get("a", 999));
}

TEST_F(RememberingStoreTest, a_failure_is_no_memory) {
  put("a", 10);
  counted_.fail_call(1, Fault::unavailable);
  EXPECT_ERROR(unavailable, get("a"));
  counted_.heal();
  EXPECT_TRUE(get("a"));
}

}  // namespace
}  // namespace testing
