// Of what runs may take from their host and its lines: the policy's `limits`. All runs of a policy
// in one process share them. WAL and restores are never held back.
#pragma once

#include <memory>

#include "base/rate_limit.h"
#include "policy/policy.h"

namespace app {

struct Caps {
  std::shared_ptr<base::RateLimit>
      reading;  // of the cluster's files; null: no limit. Shared by runs
  std::shared_ptr<base::RateLimit> storing;  // what is sent to stores; the same
  std::optional<int> nice;

  // Of this thread and those that it starts, and of programs that they start, for good: who may not
  // raise priorities cannot come back. The kernel derives the priority of input and output from it
  // (ioprio_set(2)).
  void step_back() const;
};

Caps caps_of(const policy::Limits& limits);

}  // namespace app
