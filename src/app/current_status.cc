#include "app/current_status.h"

#include "app/replica.h"
#include "layers/pitr/wal_scan.h"

namespace app {

namespace {

// The newest commit that the archive can bring back. Nothing for a credential that may judge and
// not open the log.
std::optional<base::Instant> last_transaction(const repository::Repository& repository,
                                              const monitor::Catalog& catalog,
                                              std::stop_token stop) {
  if (catalog.snapshots.empty()) return std::nullopt;
  const repository::SnapshotRoot& root = catalog.snapshots.back();
  const repository::WalArchive archive(repository, catalog.epochs.back());
  const std::vector<postgres::Timeline> timelines = archive.timelines(stop);
  const postgres::Timeline timeline = timelines.empty() ? root.timeline : timelines.back();
  try {
    const std::optional<layers::WalMoment> last =
        layers::last_commit(archive, archive.history(timeline, stop), root.start_lsn, stop);
    return last ? last->time : root.stopped;
  } catch (const base::Error& failure) {
    if (failure.kind() != base::ErrorKind::denied) throw;
    return std::nullopt;
  }
}

}  // namespace

CurrentStatus current_status(Context& context, const repository::Repository& repository,
                             base::Instant now, std::stop_token stop) {
  CurrentStatus current{.catalog = context.catalog(repository, now, stop), .status = {}};
  read_places(context, current.catalog, stop);
  current.status = monitor::judge_status(context.policy(), current.catalog,
                                         last_transaction(repository, current.catalog, stop), now);
  return current;
}

}  // namespace app
