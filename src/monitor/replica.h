// Whether dumps are in another region too: what is known of the copies, and what is wrong with
// them. The judgement is a pure function; app/replica.h reads what it judges.
#pragma once

#include <optional>
#include <vector>

#include "monitor/finding.h"
#include "policy/policy.h"
#include "repository/dump_name.h"

namespace monitor {

// A finished dump and its copy.
struct DumpCopy {
  repository::DumpName name;
  base::Instant stored;               // when its record was, by the store's date
  uint64_t size = 0;                  // as it is kept
  std::optional<uint64_t> copy_size;  // nothing: no finished copy is there
  base::Instant copied;  // the copy's own date. A service that replicates keeps the source's
  // Of the newest only, as telling costs requests:
  std::optional<bool> same;  // by checksums and records; nothing: it cannot be told
  std::string unproven;      // why not
  std::string replication;   // what the service says of it: "PENDING", "FAILED"; empty: nothing
};

struct ReplicaState {
  std::string tier;
  std::string url;
  policy::Copier by = policy::Copier::seawall;
  base::Duration within{};
  std::string unreachable;       // why nothing is known of it
  std::string failed;            // what the newest run said of its copy
  std::vector<DumpCopy> copies;  // of all dumps that are not about to expire, oldest first
};

std::vector<Finding> judge_replica(const ReplicaState& replica, base::Instant now);

}  // namespace monitor
