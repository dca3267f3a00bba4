// How long a restore will take, before it is begun.
#pragma once

#include "layers/pitr/restore_plan.h"

namespace layers {

struct RestoreEstimate {
  base::Duration files{};
  base::Duration replay{};
  uint64_t bytes_per_second = 0;  // of files, from a sample of the store read just now
};

// Reads and unpacks up to 64 MiB of the snapshot's own packs for the rate; the target is not
// touched, so writing counts as `write_rate` at best. Replay is guessed from the length of the log.
// Throws what reading throws.
RestoreEstimate estimate(const repository::Repository& repository, const RestorePlan& plan,
                         unsigned threads, std::stop_token stop);

}  // namespace layers
