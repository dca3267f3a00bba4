// The care of a dump store: reading it all again, and letting go what need not be kept.
// docs/formats/dump.md.
#pragma once

#include <functional>

#include "repository/dump_record.h"
#include "repository/sweep.h"
#include "repository/verify.h"

namespace repository {

// Reads every archive of the database again and compares it with its record: size and SHA-256.
// Adds what it read to the progress; damage has the archive's or the record's key. A dump without a
// record is no damage: it never was one.
VerifyReport verify_dumps(storage::ObjectStore& store, const std::string& database,
                          VerifyProgress& progress, std::stop_token stop);

struct DumpSweepPlan {
  std::vector<SweepItem> keep;
  std::vector<SweepItem> remove;  // the archives' keys; each goes with its record
};

// `keep` says whether a finished dump is kept, and why. One that a run left unfinished goes when it
// is older than `unfinished_after`. What is locked, it or its record, stays until it is not.
// Changes nothing.
using KeepDump = std::function<bool(const DumpName& name, std::string& reason)>;
// Why an object cannot be deleted now, whoever tries: "locked until ..."; nothing: no lock is seen.
using LockOf = std::function<std::optional<std::string>(const storage::ObjectKey& key)>;
struct DumpSweepRules {
  KeepDump keep;
  LockOf lock_of;  // asked of what else would go; may be empty
  base::Duration unfinished_after;
};
DumpSweepPlan plan_dump_sweep(storage::ObjectStore& store, const std::string& database,
                              const DumpSweepRules& rules, base::Instant now, std::stop_token stop);

// Deletes plan.remove: the record first, so that a crash leaves an unfinished dump and not a record
// of nothing. Throws invalid when our clock is more than a minute off the store's.
void sweep_dumps(storage::ObjectStore& store, const DumpSweepPlan& plan, base::Instant now,
                 std::stop_token stop);

}  // namespace repository
