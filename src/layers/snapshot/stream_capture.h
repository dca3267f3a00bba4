// The files of a cluster by BASE_BACKUP: receive, compare and store, lay out. Gives what
// capture_files() gives.
#pragma once

#include "layers/snapshot/stream_layout.h"

namespace layers {

class StreamCapture {
 public:
  // Loads what is to be compared with, before the server begins its backup. `facts` are borrowed;
  // its `start` counts from run() on.
  StreamCapture(const repository::Repository& repository, const CaptureFacts& facts,
                std::stop_token stop);

  struct Result {
    CaptureResult captured;
    StreamReceiver::Result received;
  };
  // Takes the whole stream. Throws what the server says, corrupt, full when the spool's folder has
  // no room.
  Result run(const StreamReceiver::EventSource& next, const std::vector<ExtraFile>& extra,
             uint32_t blocks_per_file, SnapshotProgress& progress, std::stop_token stop);

 private:
  const repository::Repository& repository_;
  const CaptureFacts& facts_;
  base::Path folder_;
  StreamSpool spool_;
  ShardCommitter committer_;
  KnownShards shards_;
  KnownFiles known_;
};

}  // namespace layers
