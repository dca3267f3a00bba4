#include "testing/sample_repository.h"

#include "testing/wal_builder.h"

namespace testing {

SampleRepository::SampleRepository(uint64_t segment_bytes)
    : repository(repository::Repository::create_or_open(
          faulty, nullptr, base::from_rfc3339("2026-11-22T00:00:00Z"), {})) {
  epoch = repository.begin_epoch({.number = {},
                                  .system_identifier = WalBuilder::Options{}.system_identifier,
                                  .major = 15,
                                  .segment_bytes = segment_bytes,
                                  .timeline = {1},
                                  .begins_at = {segment_bytes},
                                  .created = base::from_rfc3339("2026-11-22T00:00:00Z"),
                                  .reason = "a test"},
                                 {});
}

}  // namespace testing
