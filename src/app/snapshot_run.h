// One run of the snapshots layer: its slot claimed, the snapshot taken, the record written. What
// cron and the command line call.
#pragma once

#include "app/context.h"
#include "layers/snapshot/capture.h"

namespace app {

// For the newest slot of this tier, together with the tiers that share it; without a tier, one by
// hand. Nothing when the slot has its snapshot already. Throws conflict while another run holds the
// slot, and whatever ends the run, after its record is written.
std::optional<repository::SnapshotRoot> run_snapshot(Context& context,
                                                     const std::optional<std::string>& tier,
                                                     layers::SnapshotProgress& progress,
                                                     std::stop_token stop);

}  // namespace app
