#include "testing/faulty_store.h"

#include "testing/errors.h"
#include "testing/memory_store.h"
#include "testing/object_store_contract.h"

namespace testing {

// Without a fault it is the store it wraps.
struct FaultlessPlace {
  storage::ObjectStore& store() { return store_; }
  MemoryStore inner_;
  FaultyStore store_{inner_};
};
INSTANTIATE_TYPED_TEST_SUITE_P(Faultless, ObjectStoreContract, FaultlessPlace);

TEST(FaultyStore, fails_the_call_it_is_told_to_and_no_other) {
  MemoryStore inner;
  FaultyStore store(inner);
  store.fail_call(2, Fault::full);
  store.put_if_absent(storage::ObjectKey("a"), {}, {});
  EXPECT_FALSE(store.failed());
  EXPECT_ERROR(full, store.put_if_absent(storage::ObjectKey("b"), {}, {}));
  EXPECT_TRUE(store.failed());
  store.put_if_absent(storage::ObjectKey("c"), {}, {});
  EXPECT_EQ(inner.keys(), (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(store.calls(), 3u);
}

TEST(FaultyStore, keeps_the_effect_of_a_call_whose_reply_is_lost) {
  MemoryStore inner;
  FaultyStore store(inner);
  store.fail_call(1, Fault::reply_lost);
  EXPECT_ERROR(unavailable, store.put_if_absent(storage::ObjectKey("a"), {}, {}));
  store.fail_call(3, Fault::reply_lost);
  const auto writer = store.begin_write(storage::ObjectKey("b"), {}, {});
  writer->write(base::as_bytes("x"));
  EXPECT_ERROR(unavailable, writer->commit());
  EXPECT_EQ(inner.keys(), (std::vector<std::string>{"a", "b"}));
}

TEST(FaultyStore, stays_down_for_good_until_it_is_healed) {
  MemoryStore inner;
  FaultyStore store(inner);
  store.fail_call(1, Fault::denied, true);
  for (int i = 0; i < 3; ++i) EXPECT_ERROR(denied, store.now({}));
  store.heal();
  store.now({});
}

}  // namespace testing
