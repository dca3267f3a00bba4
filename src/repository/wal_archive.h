// The archived write-ahead log of one epoch. docs/formats/wal_archive.md.
//
// Borrows the repository. Safe to share between threads; memory is two pieces of 1 MiB for each
// thread of a call under way, whatever the segment size.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "base/file.h"
#include "postgres/timeline_history.h"
#include "postgres/wal_reader.h"
#include "repository/repository.h"

namespace repository {

// What the archive has of one segment.
struct SegmentHolding {
  bool whole = false;          // as one object
  uint64_t covered_bytes = 0;  // from byte 0 on, without a hole, by that object or by chunks
  uint64_t stored_bytes = 0;
  base::Instant stored_at{};  // of the newest object
};

// What a key below wal/ holds: a stretch of one timeline's log.
struct WalObject {
  postgres::Timeline timeline;
  postgres::Lsn begin;
  postgres::Lsn end;
};
// Nothing for histories and for what is no key of the archive.
std::optional<WalObject> parse_wal_key(const Epoch& epoch, std::string_view key);

class WalArchive {
 public:
  // A file that is put is compressed by `threads`.
  WalArchive(const Repository& repository, Epoch epoch, unsigned threads = 1)
      : repository_(&repository), epoch_(std::move(epoch)), threads_(threads) {}

  const Epoch& epoch() const { return epoch_; }
  bool seals_only() const { return repository_->seals_only(); }

  // Stores a file that PostgreSQL archives, from `file`; durable on return. already_there: the same
  // content was there. Throws conflict when the name is taken by another content, when the segment
  // is of another cluster, or when its first page does not fit its name; corrupt when it has no
  // such page or the wrong size.
  storage::PutOutcome put(const postgres::WalFileName& name, const base::File& file,
                          std::stop_token stop) const;

  // Stores bytes `begin` up to `begin + bytes.size()` of a segment, as streamed.
  storage::PutOutcome put_chunk(const postgres::WalSegment& segment, uint64_t begin,
                                base::ByteView bytes, std::stop_token stop) const;

  enum class Partial { refuse, zero_fill };
  // Gives the content to `sink`, piece by piece; false when it is absent. A segment that only
  // chunks cover, and only in part, is absent, or is filled up with zeros. Throws corrupt: what the
  // sink has got by then is worthless.
  bool fetch(const postgres::WalFileName& name, Partial partial,
             const std::function<void(base::ByteView)>& sink, std::stop_token stop) const;
  std::optional<base::Bytes> fetch_segment(const postgres::WalSegment& segment, Partial partial,
                                           std::stop_token stop) const;

  // Reads one object of the archive to its end. Throws corrupt: damaged, or a segment whose pages
  // are of another log.
  void check_object(const storage::ObjectInfo& object, std::stop_token stop) const;

  // How many bytes of a segment, from 0 on, chunks cover without a hole.
  uint64_t chunk_coverage(const postgres::WalSegment& segment, std::stop_token stop) const;

  // Whether the archive holds the file, without reading it.
  bool has(const postgres::WalFileName& name, std::stop_token stop) const;

  // What is held of a timeline, by segment number.
  std::map<uint64_t, SegmentHolding> holdings(postgres::Timeline timeline,
                                              std::stop_token stop) const;
  // The timelines that have segments or chunks here, in order.
  std::vector<postgres::Timeline> timelines(std::stop_token stop) const;
  // The path that leads to `timeline`; timeline 1, and one whose history file is missing, stand
  // alone.
  postgres::TimelineHistory history(postgres::Timeline timeline, std::stop_token stop) const;

 private:
  void require_fitting(const postgres::WalFileName& name, base::ByteView first_page,
                       uint64_t size) const;
  bool fetch_object(const ObjectKey& key, const std::function<void(base::ByteView)>& sink,
                    std::stop_token stop) const;
  struct Chunks {
    std::vector<storage::ObjectInfo> objects;
    uint64_t covered = 0;
  };
  Chunks chunks_of(const std::string& segment_name, std::stop_token stop) const;
  bool fetch_chunks(const postgres::WalFileName& name, Partial partial,
                    const std::function<void(base::ByteView)>& sink, std::stop_token stop) const;
  void require_same(const ObjectKey& key, const ObjectHeader& ours, std::stop_token stop) const;
  ObjectHeader header_of(const ObjectKey& key, std::stop_token stop) const;

  const Repository* repository_;
  Epoch epoch_;
  unsigned threads_;
};

}  // namespace repository
