// How long a restore will take, before it is begun; and how long the longest that may have to be
// made.
#pragma once

#include "layers/pitr/restore_plan.h"

namespace layers {

// What a restore has to do.
struct RestoreLoad {
  uint64_t bytes = 0;  // of files
  // To replay. A segment counts as three times what is stored of it, if that is less than its size:
  // archive_timeout fills segments with zeros, and stored WAL is about a third of what it was.
  uint64_t log_bytes = 0;
};
RestoreLoad load_of(const RestorePlan& plan);

// The most there is to do for a moment of this epoch: the largest of its snapshots, and as much log
// as was written from one snapshot's begin to the next one's end, or to the end of the log. Throws
// what reading throws.
RestoreLoad heaviest_load(const repository::Repository& repository, const repository::Epoch& epoch,
                          std::stop_token stop);

struct RestoreRates {
  double bytes_per_second = 0;      // of files
  double log_bytes_per_second = 0;  // replayed
};

// Reads and unpacks up to 16 MiB of the snapshot's own packs; nothing is written, so writing counts
// as `write_rate` at best. Replay is a guess. Throws what reading throws.
RestoreRates sampled_rates(const repository::Repository& repository, const RestorePlan& plan,
                           unsigned threads, std::stop_token stop);

struct RestoreEstimate {
  base::Duration files{};
  base::Duration replay{};        // with a server's start
  uint64_t bytes_per_second = 0;  // of files
};
RestoreEstimate estimate(const RestoreLoad& load, const RestoreRates& rates);
// By sampled rates.
RestoreEstimate estimate(const repository::Repository& repository, const RestorePlan& plan,
                         unsigned threads, std::stop_token stop);

// What a server needs to start and to end recovery, whatever there is to replay.
inline constexpr base::Duration server_start = std::chrono::seconds(1);

}  // namespace layers
