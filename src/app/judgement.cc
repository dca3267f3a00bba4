#include "app/judgement.h"

#include "app/replica.h"
#include "base/error.h"

namespace app {

namespace {

// The newest commit that the archive can bring back; nothing for a credential that may judge and
// not open the log.
std::optional<layers::WalMoment> newest_commit(const repository::Repository& repository,
                                               const monitor::Catalog& catalog,
                                               const std::stop_token& stop) {
  if (catalog.snapshots.empty()) return std::nullopt;
  const repository::SnapshotRoot& root = catalog.snapshots.back();
  const repository::WalArchive archive(repository, catalog.epochs.back());
  const std::vector<postgres::Timeline> timelines = archive.timelines(stop);
  const postgres::Timeline timeline = timelines.empty() ? root.timeline : timelines.back();
  try {
    std::optional<layers::WalMoment> last =
        layers::last_commit(archive, archive.history(timeline, stop), root.start_lsn, stop);
    if (!last) last = layers::WalMoment{.end = root.stop_lsn, .time = root.stopped};
    return last;
  } catch (const base::Error& failure) {
    if (failure.kind() != base::ErrorKind::denied) throw;
    return std::nullopt;
  }
}

}  // namespace

Judgement judge(Context& context, const repository::Repository& repository, base::Instant now,
                std::stop_token stop) {
  Judgement judgement;
  judgement.catalog = context.catalog(repository, now, stop);
  read_places(context, judgement.catalog, stop);
  judgement.last_commit = newest_commit(repository, judgement.catalog, stop);
  std::optional<base::Instant> last;
  if (judgement.last_commit) last = judgement.last_commit->time;
  judgement.status = monitor::judge_status(context.policy(), judgement.catalog, last, now);
  return judgement;
}

}  // namespace app
