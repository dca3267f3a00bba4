// A run of one layer: its slot claimed, the work done, the record written. What cron, the command
// line and later the daemon share. DESIGN of claims: docs/formats/repository.md, "Claims and runs".
#pragma once

#include <functional>

#include "policy/due.h"
#include "repository/journal.h"

namespace app {

struct Slot {
  std::optional<base::Instant> due;  // nothing: by hand
  std::vector<std::string> tiers;    // that it serves
  std::vector<repository::Lane> lanes;
  base::Duration finish_within;
};

Slot slot_by_hand(policy::TieredLayer layer);

// The newest slot of this tier, together with the tiers of snapshots that share it. Throws invalid
// for a tier that the policy does not have.
Slot newest_slot(const policy::Policy& policy, policy::TieredLayer layer, const std::string& name,
                 base::Instant now);

// Claims the slot (by hand: a second of its own), does the work, and writes the run's record,
// whatever came of it. `work` returns the record's details. Throws conflict while another run holds
// the slot, invalid when this host's clock is off the store's, and whatever ends the work.
using Work = std::function<base::Json(const repository::Claim& claim)>;
void run_slot(const repository::Repository& repository, const Slot& slot,
              const std::optional<std::string>& base_snapshot, const Work& work,
              std::stop_token stop);

}  // namespace app
