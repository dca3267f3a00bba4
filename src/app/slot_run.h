// A run of one layer: its slot claimed, the work done, the record written. What cron, the command
// line and the daemon share. How claims work: docs/formats/repository.md, "Claims and runs".
#pragma once

#include <functional>

#include "policy/due.h"
#include "repository/journal.h"

namespace app {

struct Slot {
  // One row of claims and records that the slot has.
  struct Row {
    repository::Lane lane;
    base::Duration finish_within;  // a claim that came to nothing this long is given up
  };
  std::optional<base::Instant> due;  // nothing: by hand
  std::vector<std::string> tiers;    // that it serves
  std::vector<Row> rows;  // in order of lanes, so that two that claim them meet at the first
};

Slot slot_by_hand(policy::TieredLayer layer);

// The newest slot of this tier, together with the tiers of snapshots that share it. Throws invalid
// for a tier that the policy does not have.
Slot newest_slot(const policy::Policy& policy, policy::TieredLayer layer, const std::string& name,
                 base::Instant now);

// The slot of a run that is due, for every tier that shares it: also for those that need no run, as
// one result serves all and its name is the slot.
Slot slot_of(const policy::Policy& policy, const policy::DueRun& run);

// Claims the slot (by hand: a second of its own), does the work, and writes the run's record,
// whatever came of it. `work` returns the record's details. Throws conflict while another run holds
// the slot, invalid when this host's clock is off the store's, and whatever ends the work. Stopped,
// it takes at most 10 s to say so in the record; the slot may then be claimed again at once.
using Work = std::function<base::Json(const repository::Claim& claim)>;
// How far it came: joins the details, also of a run that failed.
using SoFar = std::function<base::Json()>;
void run_slot(const repository::Repository& repository, const Slot& slot,
              const std::optional<std::string>& base_snapshot, const Work& work,
              const SoFar& so_far, std::stop_token stop);
void run_slot(const repository::Repository& repository, const Slot& slot,
              const std::optional<std::string>& base_snapshot, const Work& work,
              std::stop_token stop);

// Whether a run of the slot ended well, as its records say.
bool has_ended_well(const repository::Repository& repository, const Slot& slot,
                    std::stop_token stop);

}  // namespace app
