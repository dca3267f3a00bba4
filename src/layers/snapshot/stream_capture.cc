#include "layers/snapshot/stream_capture.h"

#include "base/log.h"
#include "base/task_group.h"

namespace layers {

StreamCapture::StreamCapture(const repository::Repository& repository, const CaptureFacts& facts,
                             std::stop_token stop)
    : repository_(repository),
      facts_(facts),
      folder_(base::spool_folder()),
      spool_(folder_),
      committer_(repository, facts.epoch, facts.run, shareable_shards(facts)),
      shards_(repository, facts.epoch, facts.base, std::move(stop)),
      known_(folder_, shards_, facts.packs_to_leave, spool_.frames, committer_) {
  if (!shards_.leftover_run().empty())
    base::info("going on from run {}, which was cut short", shards_.leftover_run());
}

StreamCapture::Result StreamCapture::run(const StreamReceiver::EventSource& next,
                                         const std::vector<ExtraFile>& extra,
                                         uint32_t blocks_per_file, SnapshotProgress& progress,
                                         std::stop_token stop) {
  std::set<std::string> damaged_paths;
  if (facts_.base != nullptr) {
    for (const repository::PageRef& page : facts_.base->damaged) damaged_paths.insert(page.path);
  }
  Result result;
  PageNotes notes;
  RowSorter rows(folder_);
  PortionLine line(2 * size_t{facts_.threads} + 4);
  base::TaskGroup tasks(stop);
  tasks.spawn("receive", 1, [&](std::stop_token own) {
    result.received = StreamReceiver(rows, line, blocks_per_file, progress, own).run(next, extra);
  });
  tasks.spawn("store", facts_.threads, [&](std::stop_token own) {
    StreamWorker(repository_, facts_, known_, damaged_paths, spool_, committer_, notes, progress,
                 own)
        .run(line);
  });
  tasks.join();
  progress.phase = "laying out";
  lay_out(rows, repository_, facts_, shards_.boundaries(), spool_, committer_, stop);
  result.captured = {.stored = committer_.take(),
                     .damaged = std::move(notes.damaged()),
                     .suspects = std::move(notes.suspects())};
  result.captured.stored.totals.new_bytes = progress.bytes_new;
  return result;
}

}  // namespace layers
