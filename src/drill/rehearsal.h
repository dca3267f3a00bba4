// One drill: a restore into a scratch server, timed step by step, and the questions asked of it.
//
// The record is filled in as the drill goes, so that one that fails tells how far it came: whoever
// calls writes it in either case. A verdict comes from a booted server only.
#pragma once

#include <atomic>
#include <functional>

#include "drill/reference.h"
#include "layers/dump/restore_dump.h"
#include "layers/pitr/recover.h"
#include "layers/snapshot/restore_files.h"
#include "policy/policy.h"
#include "policy/watching.h"

namespace drill {

// Told as it goes; read by another thread.
struct Progress {
  std::atomic<const char*> step{"starting"};
  layers::RestoreProgress files;
  layers::RecoverProgress recovery;
  layers::RestoreDumpProgress dump;
  std::atomic<const char*> check{""};
};

// What every drill is held under.
struct Terms {
  base::Path scratch;                  // the folder below which scratch servers live
  std::optional<base::Path> programs;  // of the server; nothing: looked for
  std::string database;                // that is asked
  std::vector<policy::TablePattern> left_out;
  std::vector<policy::DrillCheck> assertions;
  std::optional<std::string> command;
  uint64_t memory_bytes_max = 256 * base::MiB;
  unsigned threads = 2;
  policy::Objectives objectives;
};

// A cluster from data files and log.
struct PhysicalDrill {
  const repository::Repository& repository;
  layers::PlanRequest plan;
  base::Path seawall;  // what restore_command runs, and
  base::Path policy;   // its policy, absolute
  // What to compare with, of a database as it was near this moment.
  std::function<std::optional<Reference>(base::Instant)> reference;
};

// A database from a dump.
struct DumpDrill {
  storage::ObjectStore& store;
  repository::DumpRecord record;
  int major = 0;  // of the scratch server
};

// Each blocks until the drill is over and everything it made is gone. Throws what ended it early;
// `record.failed_step` then names the step. Checks that fail are no exception: see passes().
void rehearse(const PhysicalDrill& drill, const Terms& terms, repository::DrillRecord& record,
              Progress& progress, std::stop_token stop);
void rehearse(const DumpDrill& drill, const Terms& terms, repository::DrillRecord& record,
              Progress& progress, std::stop_token stop);

// Whether all that was asked was answered as it must be, damage on purpose was found, and the
// objectives were met. Pure.
bool passes(const repository::DrillRecord& record);

// Adds how RTO and RPO compare with the objectives, as checks of these names. Those are of
// operational recovery, from files and log: for drills of dumps there is a note. Pure.
void judge_objectives(const policy::Objectives& objectives, repository::DrillRecord& record);

// The major versions of PostgreSQL that this host has servers of, in order.
std::vector<int> installed_majors(const std::optional<base::Path>& programs);

}  // namespace drill
