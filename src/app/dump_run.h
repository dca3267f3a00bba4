// One run of the dumps layer: its slot claimed, the dump taken, the record written.
#pragma once

#include "app/context.h"
#include "app/replica.h"
#include "app/slot_run.h"
#include "layers/dump/take_dump.h"

namespace app {

struct DumpOrder {
  std::optional<Slot> slot;            // of one tier; nothing: by hand
  std::string like;                    // by hand: into the store and with the options of this tier
  bool again = false;                  // by hand: another one, though the day has its dump
  std::optional<base::Path> programs;  // where pg_dump is
};

struct DumpOutcome {
  std::optional<repository::DumpRecord> record;  // nothing: the slot has its dump already
  std::optional<ReplicaReport> replica;          // nothing: the tier has none
};

// What the tier's replica lacks is copied behind it, also where the slot has its dump already; that
// a copy failed does not fail the run. Throws conflict while another run holds the slot or,
// by hand, the day has its dump; and whatever ends the run, after its record is written.
DumpOutcome run_dump(Context& context, const DumpOrder& order, layers::DumpProgress& progress,
                     ReplicaProgress& copying, std::stop_token stop);

}  // namespace app
