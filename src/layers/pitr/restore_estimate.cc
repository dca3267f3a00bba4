#include "layers/pitr/restore_estimate.h"

#include <algorithm>

#include "repository/pack.h"

namespace layers {

namespace {

// Guesses for what cannot be measured without writing: a plain disk, and one startup process that
// replays mixed work. Better ones come from rehearsals.
constexpr double write_rate = 500e6;
constexpr double replay_rate = 60e6;
constexpr auto server_start = std::chrono::seconds(1);
constexpr uint64_t sample_bytes_max = 16 * base::MiB;

double sampled_rate(const repository::Repository& repository, const repository::SnapshotRoot& root,
                    std::stop_token stop) {
  const auto pack = std::ranges::max_element(root.packs, {}, &repository::PackRef::raw_bytes);
  if (pack == root.packs.end()) return write_rate;
  const repository::PackIndex index =
      repository::read_pack_index(repository, root.epoch, pack->id, stop);
  repository::FrameReader reader(repository, root.epoch);
  base::Bytes raw;
  uint64_t bytes = 0;
  const base::Stopwatch watch;
  for (const repository::PackIndex::Frame& frame : index.frames) {
    reader.read(frame.address, raw, stop);
    bytes += raw.size();
    if (bytes >= sample_bytes_max) break;
  }
  return static_cast<double>(bytes) / std::max(watch.seconds(), 1e-3);
}

base::Duration seconds(double value) {
  return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(value));
}

}  // namespace

RestoreEstimate estimate(const repository::Repository& repository, const RestorePlan& plan,
                         unsigned threads, std::stop_token stop) {
  const double rate = std::min(sampled_rate(repository, plan.snapshot, stop) * threads, write_rate);
  uint64_t segments = 0;
  for (const WalLeg& leg : plan.legs) segments += leg.last - leg.first + 1;
  RestoreEstimate estimate{.bytes_per_second = static_cast<uint64_t>(rate)};
  estimate.files = seconds(static_cast<double>(plan.snapshot.totals.bytes) / rate);
  // What was stored tells more of the work than the segments' size, which archive_timeout fills
  // with zeros; stored WAL is about a third of what it was.
  const double log = std::min(static_cast<double>(segments * plan.snapshot.segment_bytes),
                              3.0 * static_cast<double>(plan.wal_stored_bytes));
  estimate.replay = server_start + seconds(log / replay_rate);
  return estimate;
}

}  // namespace layers
