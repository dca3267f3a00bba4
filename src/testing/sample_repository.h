// A repository in memory, behind a store that can be made to fail, with its first epoch begun.
#pragma once

#include "repository/repository.h"
#include "testing/faulty_store.h"
#include "testing/memory_store.h"

namespace testing {

struct SampleRepository {
  explicit SampleRepository(uint64_t segment_bytes = base::MiB);

  MemoryStore store;
  FaultyStore faulty{store};  // what the repository sees
  repository::Repository repository;
  repository::Epoch epoch;  // of the cluster that WalBuilder writes for
};

}  // namespace testing
