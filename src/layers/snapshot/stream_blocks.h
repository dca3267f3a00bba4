// The second stage of a remote capture: threads that digest the blocks of portions, compare them
// with what is known, and store what is new.
#pragma once

#include "layers/snapshot/file_capture.h"
#include "layers/snapshot/frame_filler.h"
#include "layers/snapshot/known_files.h"
#include "layers/snapshot/page_notes.h"
#include "layers/snapshot/stream_receiver.h"

namespace layers {

// What a remote capture remembers outside of memory.
struct StreamSpool {
  explicit StreamSpool(const base::Path& folder)
      : frames(folder), blocks(folder), content(base::unnamed_file(folder)) {}
  FrameList frames;
  SpoolTable<BlockRow> blocks;  // of all files, in the order in which they came
  base::File content;           // new blocks of small files, at their place in the file
};

// One such thread.
class StreamWorker {
 public:
  // `damaged_paths` are files in which the base had pages with a wrong checksum: all of theirs are
  // looked at again.
  StreamWorker(const repository::Repository& repository, const CaptureFacts& facts,
               const KnownFiles& known, const std::set<std::string>& damaged_paths,
               StreamSpool& spool, ShardCommitter& committer, PageNotes& notes,
               SnapshotProgress& progress, std::stop_token stop);

  // Until the line is closed; all that it stored is durable then.
  void run(PortionLine& line);

 private:
  using File = std::shared_ptr<const StreamedFile>;
  using Piece = FrameFiller<File>::Piece;

  void take(const Portion& portion, const Portion::Stretch& stretch);
  void turn_to(const File& file);
  BlockRow judge(uint64_t number, base::ByteView bytes);
  void load_known(uint64_t first_block, uint64_t blocks);
  void place_pieces(const repository::FrameAddress& address, const std::vector<Piece>& pieces);

  const repository::Repository& repository_;
  const CaptureFacts& facts_;
  const KnownFiles& known_files_;
  const std::set<std::string>& damaged_paths_;
  StreamSpool& spool_;
  PageNotes& notes_;
  SnapshotProgress& progress_;
  std::stop_token stop_;
  repository::PackWriter packs_;
  FrameFiller<File> frames_;

  File file_;                                      // whose blocks are worked on
  bool verify_all_ = false;                        // of it
  std::vector<KnownFiles::Known> known_;           // of it
  uint64_t first_block_ = 0;                       // of the stretch
  std::vector<std::vector<BlockRow>> known_rows_;  // for the stretch, of each in known_
  std::vector<BlockRow> rows_;
};

}  // namespace layers
