// The options that say where a restore is to end, for all commands that restore.
#pragma once

#include "cli/command.h"
#include "layers/pitr/restore_plan.h"

namespace cli {

struct TargetOptions {
  std::string at;
  std::string snapshot;
  std::string lsn;
  uint32_t xid = 0;
  std::string name;
  uint32_t timeline = 0;
  uint32_t epoch = 0;
};

// Adds them, with --timeline and --epoch. At most one target may be given.
CLI::Option_group* add_target(CLI::App& command, TargetOptions& options);

// Throws invalid: no target, or one that cannot be read.
layers::PlanRequest plan_request(const TargetOptions& options);

}  // namespace cli
