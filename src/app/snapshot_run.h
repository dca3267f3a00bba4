// One run of the snapshots layer: its slot claimed, the snapshot taken, the record written. What
// cron, the command line and the daemon call.
#pragma once

#include "app/context.h"
#include "app/slot_run.h"
#include "layers/snapshot/capture.h"

namespace app {

// Nothing when the slot has its snapshot already. Throws conflict while another run holds the slot,
// or has taken its snapshot meanwhile, and whatever ends the run, after its record is written.
std::optional<repository::SnapshotRoot> run_snapshot(Context& context, const Slot& slot,
                                                     layers::SnapshotProgress& progress,
                                                     std::stop_token stop);

}  // namespace app
