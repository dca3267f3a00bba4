#include "testing/memory_store.h"

#include "testing/object_store_contract.h"

namespace testing {

struct MemoryPlace {
  storage::ObjectStore& store() { return store_; }
  MemoryStore store_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Memory, ObjectStoreContract, MemoryPlace);

}  // namespace testing
