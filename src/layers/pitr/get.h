// `seawall wal get`: restore_command. docs/formats/wal_archive.md.
#pragma once

#include "base/error.h"
#include "base/file.h"
#include "layers/pitr/restore_plan.h"

namespace layers {

// What restore_command knows of the restore it serves: written beside the restore as JSON, named on
// its command line.
struct GetPlan {
  base::Path policy;  // absolute; says where the repository is and what opens it
  repository::EpochNumber epoch;
  std::vector<WalLeg> legs;
  postgres::Timeline timeline;
  bool last_is_partial = false;
  base::Path spool;  // where segments are fetched ahead to
};
GetPlan get_plan_from(const RestorePlan& plan, base::Path policy, base::Path spool);
void write_get_plan(const GetPlan& plan, const base::Path& file);
GetPlan read_get_plan(const base::Path& file);  // throws absent, corrupt

// Beside the plan: why restore_command stopped recovery. PostgreSQL passes on no more than a
// number.
void note_failure(const base::Path& plan_file, const base::Error& failure);
std::optional<base::Error> noted_failure(const base::Path& plan_file);

// The program that PostgreSQL is to run for each segment: seawall-wal, which takes the same command
// lines and starts in a fraction of the time, where it stands beside this program; else this one.
base::Path program_for_segments();

enum class GetOutcome { fetched, absent };

struct GetRequest {
  std::string name;               // %f
  base::Path to;                  // %p
  const GetPlan* plan = nullptr;  // within it nothing may be absent
};

// Fetches one file to where PostgreSQL wants it, whole or not at all. Throws absent (not the
// outcome) for a segment that the plan needs.
GetOutcome get_wal(const repository::WalArchive& archive, const GetRequest& request,
                   std::stop_token stop);

// Fetches the segments that follow `name` in the plan into the spool, up to `count` of them.
void prefetch_wal(const repository::WalArchive& archive, const GetPlan& plan,
                  const std::string& name, unsigned count, unsigned threads, std::stop_token stop);

// The spooled segments are moved from; true when `name` was there.
bool take_from_spool(const GetPlan& plan, const std::string& name, const base::Path& to);
// How many segments are spooled and not taken yet.
unsigned spooled(const GetPlan& plan);

// The exit status of restore_command: 0 fetched, 1 absent; whatever else went wrong, above 125, so
// that recovery stops instead of taking it for the end of the log.
int restore_command_status(base::ErrorKind kind);

}  // namespace layers
