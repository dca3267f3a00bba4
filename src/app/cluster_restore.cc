#include "app/cluster_restore.h"

#include "layers/pitr/get.h"

namespace app {

std::string ClusterRestoreProgress::text() const {
  const std::string_view phase = files.phase.load();
  if (phase == "fetching") {
    const uint64_t done = files.bytes_done;
    const uint64_t total = files.bytes_total;
    if (total == 0) return "restore: " + base::human_bytes(done);
    return fmt::format("restore: {} of {}, {} %", base::human_bytes(done), base::human_bytes(total),
                       std::min<uint64_t>(100, done * 100 / total));
  }
  if (phase != "done") return fmt::format("restore: {}", phase);
  const uint64_t lsn = recovery.replayed_lsn;
  return fmt::format("restore: {}{}", recovery.phase.load(),
                     lsn != 0 ? ", at " + to_string(postgres::Lsn{lsn}) : "");
}

namespace {

// A restore without room is gone on with once there is some; nothing that was fetched is lost.
template <typename Work>
void hinting_at_delta(const Work& work) {
  try {
    work();
  } catch (const base::Error& failure) {
    if (failure.kind() != base::ErrorKind::full) throw;
    throw base::Error(failure.kind(), failure.message(),
                      "free space there, then run the same with --delta: what is there is kept");
  }
}

}  // namespace

void require_possible(const layers::RestorePlan& plan, const ClusterRestore& request) {
  layers::find_server_programs(plan.snapshot.major, request.programs);
  layers::require_restorable(plan.snapshot, request.files);
}

RestoredCluster restore_cluster(const Context& context, const repository::Repository& repository,
                                const layers::RestorePlan& plan, const ClusterRestore& request,
                                ClusterRestoreProgress& progress, std::stop_token stop) {
  const base::Stopwatch watch;
  RestoredCluster restored;
  hinting_at_delta([&] {
    layers::restore_files(repository, plan.snapshot, request.files, progress.files, stop);
  });
  restored.files_time = watch.elapsed();
  layers::RecoverRequest recover{.data_directory = request.files.target,
                                 .seawall = layers::program_for_segments(),
                                 .policy = std::filesystem::absolute(context.policy_file()),
                                 .programs = request.programs,
                                 .scrub = {}};
  if (request.scrub && !context.policy().exclude.rows_of.empty())
    recover.scrub = {context.cluster_database(), context.policy().exclude.rows_of};
  hinting_at_delta(
      [&] { restored.recovered = layers::recover(plan, recover, progress.recovery, stop); });
  restored.total_time = watch.elapsed();
  return restored;
}

}  // namespace app
