#include "layers/pitr/receive.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/task_group.h"
#include "postgres/replication.h"

namespace layers {

using base::Bytes;
using base::ByteView;
using base::Error;
using base::ErrorKind;
using postgres::Connection;
using postgres::Lsn;
using postgres::Timeline;
using postgres::WalSegment;
using repository::WalArchive;

namespace {

constexpr auto report_every = std::chrono::seconds(10);  // wal_sender_timeout is 60 s by default
constexpr size_t chunk_bytes_max = 4 * base::MiB;

// A file in memory, for what WalArchive wants to read twice.
base::File memory_file(ByteView bytes, const std::string& name) {
  const int descriptor = memfd_create("seawall-wal", MFD_CLOEXEC);
  if (descriptor < 0) base::throw_errno("making a file in memory");
  base::File file(descriptor, name);
  file.write_all(bytes);
  return file;
}

// Takes the log as it comes, from a segment's boundary on, and makes it durable in chunks and whole
// segments.
class SegmentSink {
 public:
  SegmentSink(const WalArchive& archive, Timeline timeline, Lsn from, std::stop_token stop)
      : archive_(archive),
        size_(archive.epoch().segment_bytes),
        timeline_(timeline),
        received_(from),
        durable_(from),
        stop_(std::move(stop)) {
    CHECK(from.value % size_ == 0);
    skip_chunks_there();
  }

  Lsn received() const { return received_; }
  Lsn durable() const { return durable_; }
  bool has_pending() const { return durable_ < received_; }

  void take(Lsn start, ByteView bytes) {
    if (start != received_) {
      throw base::error(ErrorKind::corrupt, "the server sent WAL from {} where {} was next",
                        to_string(start), to_string(received_));
    }
    while (!bytes.empty()) {
      const size_t room = size_ - segment_.size();
      const size_t part = std::min(room, bytes.size());
      base::append(segment_, bytes.first(part));
      received_.value += part;
      bytes = bytes.subspan(part);
      if (segment_.size() == size_) {
        complete_segment();
      } else if (has_pending() && received_.value - durable_.value >= chunk_bytes_max) {
        flush();
      }
    }
  }

  // Makes durable what was received.
  void flush() { flush(stop_); }
  // The same when we are told to end: what came is kept.
  void finish() { flush(std::stop_token{}); }

 private:
  void flush(const std::stop_token& stop) {
    if (!has_pending()) return;
    const uint64_t begin = durable_.value % size_;
    if (begin < segment_.size()) {
      // What an earlier run stored as chunks from here on is the same bytes, in other cuts: only
      // ours are added behind.
      archive_.put_chunk(current(), begin, ByteView(segment_).subspan(begin), stop);
    }
    durable_ = received_;
  }

  WalSegment current() const {
    return {timeline_, (received_.value - (received_.value > 0 ? 1 : 0)) / size_};
  }

  // Chunks of this segment that are there already cover its first bytes: those need no second copy.
  void skip_chunks_there() {
    durable_.value =
        received_.value + archive_.chunk_coverage({timeline_, received_.value / size_}, stop_);
  }

  void complete_segment() {
    const WalSegment segment = current();
    const std::string name = segment.name(size_);
    archive_.put(*postgres::parse_wal_file_name(name), memory_file(segment_, name), stop_);
    segment_.clear();
    skip_chunks_there();
  }

  const WalArchive& archive_;
  uint64_t size_;
  Timeline timeline_;
  Lsn received_;
  Lsn durable_;
  std::stop_token stop_;
  Bytes segment_;  // from its start up to received_
};

class Receiver {
 public:
  Receiver(const provider::NativeCluster& cluster, const repository::Repository& repository,
           const repository::Epoch& epoch, const ReceiveRequest& request, ReceiveProgress& progress,
           std::stop_token stop)
      : cluster_(cluster),
        archive_(repository, epoch),
        request_(request),
        progress_(progress),
        stop_(std::move(stop)) {}

  // One connection's worth. Returns when stopped, or when until_idle is fulfilled.
  void stream() {
    Connection sql = cluster_.connect();
    Connection replication = cluster_.connect({{"replication", "true"}});
    const postgres::SystemIdentity server = postgres::identify_system(replication);
    if (server.system_identifier != archive_.epoch().system_identifier) {
      throw Error(ErrorKind::conflict,
                  fmt::format("the server has system identifier {}, the repository keeps {}",
                              server.system_identifier, archive_.epoch().system_identifier),
                  "after pg_upgrade: 'seawall wal new-epoch'");
    }
    std::optional<postgres::SlotState> slot = postgres::find_slot(sql, request_.slot);
    if (!slot) {
      postgres::create_slot(replication, request_.slot);
      base::info("made replication slot {}, with WAL reserved", request_.slot);
      slot = postgres::find_slot(sql, request_.slot);
    }
    goal_ = server.position;
    Start start = where_to_start(replication, server, slot.value_or(postgres::SlotState{}).restart);
    while (!stop_.stop_requested()) {
      store_history(replication, start.timeline);
      const std::optional<Start> next = stream_timeline(replication, start);
      if (!next) return;
      start = *next;
    }
  }

 private:
  struct Start {
    Timeline timeline;
    Lsn from;  // a segment's boundary
  };

  // Behind the last whole segment held, but not before what the slot keeps, on the timeline of that
  // place: the server judges.
  Start where_to_start(Connection& replication, const postgres::SystemIdentity& server,
                       Lsn restart) const {
    const uint64_t size = archive_.epoch().segment_bytes;
    Lsn from{(restart ? restart : server.position).value / size * size};
    postgres::TimelineHistory history(server.timeline);
    if (server.timeline.value > 1) {
      history = postgres::TimelineHistory::parse(
          server.timeline, postgres::timeline_history_text(replication, server.timeline));
    }
    for (Timeline timeline = history.timeline_at(from);;
         from = {from.value + size}, timeline = history.timeline_at(from)) {
      const WalSegment segment = postgres::segment_at(timeline, from, size);
      const bool whole = archive_.has(*postgres::parse_wal_file_name(segment.name(size)), stop_);
      if (!whole || segment.end(size) > server.position) return {timeline, from};
    }
  }

  void store_history(Connection& replication, Timeline timeline) {
    if (timeline.value == 1) return;
    const std::string text = postgres::timeline_history_text(replication, timeline);
    const std::string name = postgres::history_file_name(timeline);
    archive_.put(*postgres::parse_wal_file_name(name), memory_file(base::as_bytes(text), name),
                 stop_);
  }

  std::optional<Start> stream_timeline(Connection& replication, const Start& start) {
    SegmentSink sink(archive_, start.timeline, start.from, stop_);
    postgres::ReplicationStream stream(replication, request_.slot, start.timeline, start.from);
    base::info("streaming from {} on timeline {}", to_string(start.from), start.timeline.value);
    base::Stopwatch since_flush;
    base::Stopwatch since_report;
    const auto report = [&] {
      stream.report(sink.received(), std::min(sink.durable(), sink.received()));
      since_report = base::Stopwatch();
    };
    while (!stop_.stop_requested()) {
      const postgres::StreamEvent event = stream.next(std::chrono::milliseconds(100));
      bool reply = since_report.elapsed() > report_every;
      if (const auto* data = std::get_if<postgres::WalData>(&event)) {
        if (!sink.has_pending()) since_flush = base::Stopwatch();
        sink.take(data->start, data->bytes);
      } else if (const auto* keepalive = std::get_if<postgres::Keepalive>(&event)) {
        reply = reply || keepalive->reply_wanted;
      } else if (const auto* end = std::get_if<postgres::TimelineEnd>(&event)) {
        sink.flush();
        if (!end->next) throw Error(ErrorKind::unavailable, "the server ended the stream");
        base::info("timeline {} ended at {}, going on with {}", start.timeline.value,
                   to_string(end->switched_at), end->next->value);
        const uint64_t size = archive_.epoch().segment_bytes;
        return Start{*end->next, {end->switched_at.value / size * size}};
      }
      if (sink.has_pending() && since_flush.elapsed() >= request_.flush_within) {
        sink.flush();
        reply = true;
      }
      progress_.received_lsn = sink.received().value;
      progress_.durable_lsn = sink.durable().value;
      if (reply) report();
      if (request_.until_idle && sink.durable() >= goal_ && !sink.has_pending()) {
        report();
        return std::nullopt;
      }
    }
    sink.finish();
    report();
    return std::nullopt;
  }

  const provider::NativeCluster& cluster_;
  WalArchive archive_;
  const ReceiveRequest& request_;
  ReceiveProgress& progress_;
  std::stop_token stop_;
  Lsn goal_;
};

}  // namespace

void receive_wal(const provider::NativeCluster& cluster, const repository::Repository& repository,
                 const repository::Epoch& epoch, const ReceiveRequest& request,
                 ReceiveProgress& progress, std::stop_token stop) {
  constexpr auto longest_pause = std::chrono::seconds(30);
  base::Duration pause = std::chrono::seconds(1);
  while (!stop.stop_requested()) {
    const base::Stopwatch watch;
    try {
      Receiver(cluster, repository, epoch, request, progress, stop).stream();
      return;
    } catch (const Error& failure) {
      if (failure.kind() != ErrorKind::unavailable || stop.stop_requested()) throw;
      if (watch.elapsed() > longest_pause)
        pause = std::chrono::seconds(1);  // it had been well for a while
      base::warn("{}; trying again in {}", failure.message(), base::human_duration(pause));
    }
    base::sleep_for(pause, stop);
    pause = std::min<base::Duration>(pause * 2, longest_pause);
  }
}

}  // namespace layers
