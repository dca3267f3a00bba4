#include "layers/pitr/restore_estimate.h"

#include <algorithm>
#include <map>
#include <vector>

#include "base/error.h"
#include "repository/pack.h"

namespace layers {

namespace {

// Guesses for what cannot be measured without writing: a plain disk, and one startup process that
// replays mixed work. Better ones come from rehearsals.
constexpr double write_rate = 500e6;
constexpr double replay_rate = 60e6;
constexpr uint64_t sample_bytes_max = 16 * base::MiB;

uint64_t log_bytes_of(uint64_t segments_bytes, uint64_t stored_bytes) {
  return std::min(segments_bytes, 3 * stored_bytes);
}

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

// What is to be replayed of each segment that is held; of several timelines' the most.
std::map<uint64_t, uint64_t> log_by_segment(const repository::Repository& repository,
                                            const repository::Epoch& epoch, std::stop_token stop) {
  const repository::WalArchive archive(repository, epoch);
  std::map<uint64_t, uint64_t> log;
  for (const postgres::Timeline timeline : archive.timelines(stop)) {
    for (const auto& [number, holding] : archive.holdings(timeline, stop)) {
      uint64_t& bytes = log[number];
      bytes = std::max(bytes, log_bytes_of(holding.covered_bytes, holding.stored_bytes));
    }
  }
  return log;
}

}  // namespace

RestoreLoad load_of(const RestorePlan& plan) {
  uint64_t segments = 0;
  for (const WalLeg& leg : plan.legs) segments += leg.last - leg.first + 1;
  return {.bytes = plan.snapshot.totals.bytes,
          .log_bytes = log_bytes_of(segments * plan.snapshot.segment_bytes, plan.wal_stored_bytes)};
}

RestoreLoad heaviest_load(const repository::Repository& repository, const repository::Epoch& epoch,
                          std::stop_token stop) {
  const std::map<uint64_t, uint64_t> log = log_by_segment(repository, epoch, stop);
  std::vector<std::pair<uint64_t, uint64_t>> spans;  // first and last segment of each snapshot
  RestoreLoad load;
  for (const std::string& id : repository::snapshot_ids(repository, epoch.number, stop)) {
    try {
      const repository::SnapshotRoot root =
          repository::read_snapshot(repository, epoch.number, id, stop);
      load.bytes = std::max(load.bytes, root.totals.bytes);
      spans.emplace_back(root.start_lsn.value / root.segment_bytes,
                         root.stop_lsn.value / root.segment_bytes);
    } catch (const base::Error& failure) {
      // One that cannot be read is not restored from, and is a finding elsewhere.
      if (failure.kind() != base::ErrorKind::corrupt && failure.kind() != base::ErrorKind::invalid)
        throw;
    }
  }
  std::ranges::sort(spans);
  for (size_t i = 0; i < spans.size(); ++i) {
    uint64_t bytes = 0;
    for (auto at = log.lower_bound(spans[i].first); at != log.end(); ++at) {
      if (i + 1 < spans.size() && at->first > spans[i + 1].second) break;
      bytes += at->second;
    }
    load.log_bytes = std::max(load.log_bytes, bytes);
  }
  return load;
}

RestoreRates sampled_rates(const repository::Repository& repository, const RestorePlan& plan,
                           unsigned threads, std::stop_token stop) {
  return {.bytes_per_second =
              std::min(sampled_rate(repository, plan.snapshot, stop) * threads, write_rate),
          .log_bytes_per_second = replay_rate};
}

RestoreEstimate estimate(const RestoreLoad& load, const RestoreRates& rates) {
  return {.files = seconds(static_cast<double>(load.bytes) / rates.bytes_per_second),
          .replay = server_start +
                    seconds(static_cast<double>(load.log_bytes) / rates.log_bytes_per_second),
          .bytes_per_second = static_cast<uint64_t>(rates.bytes_per_second)};
}

RestoreEstimate estimate(const repository::Repository& repository, const RestorePlan& plan,
                         unsigned threads, std::stop_token stop) {
  return estimate(load_of(plan), sampled_rates(repository, plan, threads, stop));
}

}  // namespace layers
