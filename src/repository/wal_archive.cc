#include "repository/wal_archive.h"

#include <atomic>
#include <charconv>
#include <condition_variable>
#include <mutex>

#include "base/compress.h"
#include "base/error.h"
#include "base/task_group.h"

namespace repository {

using base::Bytes;
using base::ByteView;
using base::Error;
using base::ErrorKind;
using postgres::WalFileKind;
using postgres::WalFileName;
using storage::ObjectInfo;
using storage::PutOutcome;

namespace {

constexpr size_t piece_bytes = 1 * base::MiB;
constexpr int compress_level = 1;  // WAL is read back once, if ever: speed over size
constexpr uint64_t small_file_bytes_max =
    4 * base::MiB;  // of histories; longer than any that is sane

// by_kind: system identifier u64, timeline u32, segment size u32, first LSN u64, first and last
// offset u32.
void describe(ObjectHeader& header, const Epoch& epoch, postgres::Timeline timeline,
              postgres::Lsn start, uint64_t begin, uint64_t end) {
  std::byte* at = header.by_kind.data();
  base::store<uint64_t>(at, epoch.system_identifier);
  base::store<uint32_t>(at + 8, timeline.value);
  base::store<uint32_t>(at + 12, static_cast<uint32_t>(epoch.segment_bytes));
  base::store<uint64_t>(at + 16, start.value);
  base::store<uint32_t>(at + 24, static_cast<uint32_t>(begin));
  base::store<uint32_t>(at + 28, static_cast<uint32_t>(end));
}

struct ChunkRange {
  uint64_t begin;
  uint64_t end;
};

// Threads compress a file's pieces, and each gives its frame away when its turn comes: `take` is
// called in order, by one thread at a time.
void compress_pieces(const base::File& file, uint64_t size, unsigned threads,
                     const std::function<void(ByteView plain, ByteView frame)>& take,
                     std::stop_token stop) {
  const uint64_t pieces = (size + piece_bytes - 1) / piece_bytes;
  std::atomic<uint64_t> next{0};
  std::mutex mutex;
  std::condition_variable_any changed;
  uint64_t turn = 0;
  base::TaskGroup tasks(std::move(stop));
  threads = static_cast<unsigned>(std::min<uint64_t>(threads, pieces));
  tasks.spawn("compress", threads, [&](std::stop_token own) {
    base::Compressor compressor(compress_level, true);
    Bytes plain(std::min<uint64_t>(size, piece_bytes));
    Bytes packed(base::Compressor::bound(plain.size()));
    for (uint64_t piece = next++; piece < pieces; piece = next++) {
      const uint64_t offset = piece * piece_bytes;
      const base::ByteSpan part(plain.data(), std::min<uint64_t>(plain.size(), size - offset));
      file.read_exactly_at(offset, part);
      const ByteView frame = ByteView(packed).first(compressor.compress(part, packed));
      std::unique_lock lock(mutex);
      if (!changed.wait(lock, own, [&] { return turn == piece; })) base::throw_if_stopped(own);
      take(part, frame);
      ++turn;
      changed.notify_all();
    }
  });
  tasks.join();
}

// The range that a chunk's key names: ".../BBBBBBBB-EEEEEEEE.zst".
std::optional<ChunkRange> chunk_range(std::string_view key) {
  if (key.size() < 21) return std::nullopt;
  const std::string_view name = key.substr(key.size() - 21);
  ChunkRange range{};
  const auto read = [](std::string_view digits, uint64_t& value) {
    const auto [end, failed] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    return failed == std::errc{} && end == digits.data() + digits.size();
  };
  if (!read(name.substr(0, 8), range.begin) || name[8] != '-' ||
      !read(name.substr(9, 8), range.end) || name.substr(17) != ".zst" ||
      range.begin >= range.end) {
    return std::nullopt;
  }
  return range;
}

// That an object is what its key says, for one that is sound in itself may have been copied.
void require_described(const ObjectKey& key, const ObjectHeader& header, const Epoch& epoch) {
  const std::string_view path = key.text();
  ObjectHeader expected{};
  const size_t folder = path.rfind(".d/");
  const std::optional<ChunkRange> range =
      folder == std::string_view::npos ? std::nullopt : chunk_range(path);
  const std::string_view file = range ? path.substr(0, folder) : path.substr(0, path.rfind('.'));
  const std::optional<WalFileName> name =
      postgres::parse_wal_file_name(file.substr(file.rfind('/') + 1));
  if (name) {
    const bool in_segment =
        name->kind == WalFileKind::segment || name->kind == WalFileKind::partial;
    const postgres::Lsn start =
        in_segment ? postgres::parse_segment_name(name->segment_name, epoch.segment_bytes)
                         .start(epoch.segment_bytes)
                   : postgres::Lsn{};
    const uint64_t begin = range ? range->begin : 0;
    describe(expected, epoch, name->timeline, start, begin,
             range ? range->end : begin + header.content_bytes);
    if (header.by_kind == expected.by_kind && header.epoch == epoch.number.value) return;
  }
  throw Error(ErrorKind::corrupt, "the object is another's, stored under this name");
}

}  // namespace

std::optional<WalObject> parse_wal_key(const Epoch& epoch, std::string_view key) {
  const std::string prefix = wal_prefix(epoch.number);
  constexpr size_t folders = 18;  // "TTTTTTTT/LLLLLLLL/"
  if (!key.starts_with(prefix) || key.size() < prefix.size() + folders + 24) return std::nullopt;
  const std::string_view rest = key.substr(prefix.size() + folders);
  const std::optional<WalFileName> name = postgres::parse_wal_file_name(rest.substr(0, 24));
  if (!name || name->kind != WalFileKind::segment) return std::nullopt;
  const postgres::WalSegment segment =
      postgres::parse_segment_name(name->text, epoch.segment_bytes);
  const postgres::Lsn start = segment.start(epoch.segment_bytes);
  if (rest.substr(24).starts_with(".d/")) {
    const std::optional<ChunkRange> range = chunk_range(key);
    if (!range) return std::nullopt;
    return WalObject{name->timeline, {start.value + range->begin}, {start.value + range->end}};
  }
  return WalObject{name->timeline, start, segment.end(epoch.segment_bytes)};
}

void WalArchive::require_fitting(const WalFileName& name, ByteView first_page,
                                 uint64_t size) const {
  if (name.kind != WalFileKind::segment && name.kind != WalFileKind::partial) return;
  const auto conflict = [&](std::string why) {
    return Error(ErrorKind::conflict, fmt::format("WAL file {} {}", name.text, why),
                 "this is not the WAL of the cluster that this repository keeps: look at "
                 "archive_command and at "
                 "repository.store; after pg_upgrade, 'seawall wal new-epoch'");
  };
  const postgres::SegmentHeader header =
      base::while_doing(name.text, [&] { return postgres::parse_segment_header(first_page); });
  if (header.system_identifier != epoch_.system_identifier) {
    throw conflict(fmt::format("is of the cluster with system identifier {}, not {}",
                               header.system_identifier, epoch_.system_identifier));
  }
  if (header.segment_bytes != epoch_.segment_bytes) {
    throw conflict(fmt::format("says that segments have {} bytes, not {}", header.segment_bytes,
                               epoch_.segment_bytes));
  }
  const postgres::WalSegment named =
      postgres::parse_segment_name(name.segment_name, epoch_.segment_bytes);
  // A segment begun on the parent keeps the parent's number on its first page after a switch of
  // timelines.
  if (header.timeline > named.timeline || header.start != named.start(epoch_.segment_bytes)) {
    throw conflict(fmt::format("begins at {} on timeline {}, which is not what its name says",
                               postgres::to_string(header.start), header.timeline.value));
  }
  if (size != epoch_.segment_bytes) {
    throw base::error(ErrorKind::corrupt, "WAL file {} has {} bytes, not {}", name.text, size,
                      epoch_.segment_bytes);
  }
}

PutOutcome WalArchive::put(const WalFileName& name, const base::File& file,
                           std::stop_token stop) const {
  const uint64_t size = file.size();
  Bytes first_page(std::min<uint64_t>(size, postgres::wal_page_bytes));
  file.read_exactly_at(0, first_page);
  require_fitting(name, first_page, size);
  const ObjectKey key = wal_key(epoch_.number, name);
  const bool is_segment = name.kind == WalFileKind::segment || name.kind == WalFileKind::partial;
  if (!is_segment && size > small_file_bytes_max) {
    throw base::error(ErrorKind::corrupt, "{} has {} bytes, more than such a file can have",
                      name.text, size);
  }
  ObjectHeader header{
      .kind = ObjectKind::wal, .repository = repository_->id(), .epoch = epoch_.number.value};
  const postgres::Lsn start =
      is_segment ? postgres::parse_segment_name(name.segment_name, epoch_.segment_bytes)
                       .start(epoch_.segment_bytes)
                 : postgres::Lsn{};
  describe(header, epoch_, name.timeline, start, 0, size);
  header.content_bytes = size;

  crypto::KeyedDigest content(repository_->hash_key());
  if (repository_->store().stat(key, stop)) {  // not to compress again what is there
    Bytes piece;
    for (uint64_t offset = 0; offset < size; offset += piece.size()) {
      piece.resize(std::min<uint64_t>(piece_bytes, size - offset));
      file.read_exactly_at(offset, piece);
      content.update(piece);
    }
    header.content = content.finish();
    require_same(key, header, stop);
    return PutOutcome::already_there;
  }

  crypto::KeyedDigest stored(repository_->hash_key());
  const std::unique_ptr<storage::ObjectWriter> writer = repository_->store().begin_write(
      key, {.expected_bytes = size, .head_bytes = header_bytes}, stop);
  writer->write(Bytes(header_bytes));  // replaced at commit, when the digests are known
  compress_pieces(
      file, size, threads_,
      [&](ByteView plain, ByteView frame) {
        content.update(plain);
        stored.update(frame);
        writer->write(frame);
      },
      stop);
  header.content = content.finish();
  header.stored = stored.finish();
  const PutOutcome outcome = writer->commit(header.serialise(repository_->hash_key()));
  if (outcome == PutOutcome::already_there) require_same(key, header, stop);
  return outcome;
}

PutOutcome WalArchive::put_chunk(const postgres::WalSegment& segment, uint64_t begin,
                                 ByteView bytes, std::stop_token stop) const {
  const ObjectKey key =
      wal_chunk_key(epoch_.number, segment.name(epoch_.segment_bytes), begin, begin + bytes.size());
  ObjectHeader header{
      .kind = ObjectKind::wal, .repository = repository_->id(), .epoch = epoch_.number.value};
  describe(header, epoch_, segment.timeline, segment.start(epoch_.segment_bytes), begin,
           begin + bytes.size());
  header.content = repository_->hash_key().digest(bytes);
  header.content_bytes = bytes.size();
  base::Compressor compressor(compress_level, true);
  const Bytes frame = compressor.compress(bytes);
  header.stored = repository_->hash_key().digest(frame);
  Bytes object = header.serialise(repository_->hash_key());
  base::append(object, frame);
  const PutOutcome outcome = repository_->store().put_if_absent(key, object, stop);
  if (outcome == PutOutcome::already_there) require_same(key, header, stop);
  return outcome;
}

ObjectHeader WalArchive::header_of(const ObjectKey& key, std::stop_token stop) const {
  Bytes bytes(header_bytes);
  repository_->store().read(key, 0, bytes, stop);
  return base::while_doing(key.text(), [&] {
    return parse_header(bytes, ObjectKind::wal, repository_->id(), repository_->hash_key());
  });
}

void WalArchive::require_same(const ObjectKey& key, const ObjectHeader& ours,
                              std::stop_token stop) const {
  // Of a sealed object the label tells, so that a host that may not decrypt can compare.
  const std::optional<crypto::Label> label = repository_->label(key, stop);
  const crypto::Digest theirs = label ? label->content : header_of(key, stop).content;
  if (theirs == ours.content) return;
  throw Error(ErrorKind::conflict,
              fmt::format("{} is archived already, with another content", key.text()),
              "two servers archive under one name, or this one was rolled back: find out which is "
              "right, then "
              "'seawall wal new-epoch' lets this one go on without touching what is there");
}

bool WalArchive::fetch_object(const ObjectKey& key, const std::function<void(ByteView)>& sink,
                              std::stop_token stop) const {
  const std::optional<ObjectInfo> info = repository_->store().stat(key, stop);
  if (!info) return false;
  base::while_doing(key.text(), [&] {
    const ObjectHeader header = header_of(key, stop);
    require_described(key, header, epoch_);
    crypto::KeyedDigest content(repository_->hash_key());
    crypto::KeyedDigest stored(repository_->hash_key());
    base::Decompressor decompressor;
    decompressor.begin();
    Bytes piece;
    for (uint64_t offset = header_bytes; offset < info->size; offset += piece.size()) {
      piece.resize(std::min<uint64_t>(piece_bytes, info->size - offset));
      repository_->store().read(key, offset, piece, stop);
      stored.update(piece);
      decompressor.feed(piece, [&](ByteView plain) {
        content.update(plain);
        sink(plain);
      });
    }
    decompressor.finish();
    if (content.finish() != header.content || stored.finish() != header.stored) {
      throw Error(ErrorKind::corrupt, "the object does not match its digest");
    }
  });
  return true;
}

void WalArchive::check_object(const ObjectInfo& object, std::stop_token stop) const {
  Bytes first_page;
  uint64_t size = 0;
  fetch_object(
      object.key,
      [&](ByteView piece) {
        if (first_page.size() < postgres::wal_page_bytes) {
          base::append(first_page, piece.first(std::min(piece.size(), postgres::wal_page_bytes -
                                                                          first_page.size())));
        }
        size += piece.size();
      },
      stop);
  const std::string& key = object.key.text();
  const bool chunk = key.find(".d/") != std::string::npos;
  const size_t name_at = key.rfind('/') + 1;
  const std::optional<WalFileName> name =
      chunk ? std::nullopt
            : postgres::parse_wal_file_name(key.substr(name_at, key.size() - name_at - 4));
  if (!chunk && !name) throw base::error(ErrorKind::corrupt, "it has no WAL file's name");
  if (chunk || (name->kind != WalFileKind::segment && name->kind != WalFileKind::partial)) return;
  require_fitting(*name, first_page, size);
}

WalArchive::Chunks WalArchive::chunks_of(const std::string& segment_name,
                                         std::stop_token stop) const {
  Chunks chunks{
      storage::list_all(repository_->store(), wal_chunk_prefix(epoch_.number, segment_name), stop)};
  std::erase_if(chunks.objects, [&](const ObjectInfo& chunk) {
    const std::optional<ChunkRange> range = chunk_range(chunk.key.text());
    if (!range || range->begin != chunks.covered)
      return true;  // of another run of the receiver, or behind a hole
    chunks.covered = range->end;
    return false;
  });
  return chunks;
}

uint64_t WalArchive::chunk_coverage(const postgres::WalSegment& segment,
                                    std::stop_token stop) const {
  return chunks_of(segment.name(epoch_.segment_bytes), stop).covered;
}

bool WalArchive::fetch_chunks(const WalFileName& name, Partial partial,
                              const std::function<void(ByteView)>& sink,
                              std::stop_token stop) const {
  const Chunks chunks = chunks_of(name.segment_name, stop);
  uint64_t covered = chunks.covered;
  if (covered == 0 || (covered < epoch_.segment_bytes && partial == Partial::refuse)) return false;
  for (const ObjectInfo& chunk : chunks.objects) fetch_object(chunk.key, sink, stop);
  const Bytes zeros(64 * base::KiB);
  for (; covered < epoch_.segment_bytes; covered += zeros.size()) {
    sink(ByteView(zeros).first(std::min<uint64_t>(zeros.size(), epoch_.segment_bytes - covered)));
  }
  return true;
}

bool WalArchive::fetch(const WalFileName& name, Partial partial,
                       const std::function<void(ByteView)>& sink, std::stop_token stop) const {
  if (fetch_object(wal_key(epoch_.number, name), sink, stop)) return true;
  return name.kind == WalFileKind::segment && fetch_chunks(name, partial, sink, stop);
}

std::optional<Bytes> WalArchive::fetch_segment(const postgres::WalSegment& segment, Partial partial,
                                               std::stop_token stop) const {
  Bytes bytes;
  bytes.reserve(epoch_.segment_bytes);
  const std::optional<WalFileName> name =
      postgres::parse_wal_file_name(segment.name(epoch_.segment_bytes));
  CHECK(name);
  if (!fetch(
          *name, partial, [&](ByteView piece) { base::append(bytes, piece); }, stop))
    return std::nullopt;
  return bytes;
}

bool WalArchive::has(const WalFileName& name, std::stop_token stop) const {
  return repository_->store().stat(wal_key(epoch_.number, name), stop).has_value();
}

std::map<uint64_t, SegmentHolding> WalArchive::holdings(postgres::Timeline timeline,
                                                        std::stop_token stop) const {
  std::map<uint64_t, SegmentHolding> all;
  repository_->store().list(
      wal_prefix(epoch_.number, timeline),
      [&](const ObjectInfo& info) {
        const std::string& key = info.key.text();
        // wal/EEEE/TTTTTTTT/LLLLLLLL/NAME.zst or .../NAME.d/RANGE.zst
        const size_t at = wal_prefix(epoch_.number, timeline).size() + 9;
        if (key.size() < at + 28) return true;
        const std::string_view rest = std::string_view(key).substr(at);
        const std::string_view name = rest.substr(0, 24);
        const bool whole = rest.substr(24) == ".zst";
        const bool chunk = rest.substr(24).starts_with(".d/");
        if (!whole && !chunk) return true;
        SegmentHolding& holding =
            all[postgres::parse_segment_name(name, epoch_.segment_bytes).number];
        holding.stored_bytes += info.size;
        holding.stored_at = std::max(holding.stored_at, info.modified);
        if (whole) {
          holding.whole = true;
          holding.covered_bytes = epoch_.segment_bytes;
        } else if (const std::optional<ChunkRange> range = chunk_range(key);
                   range && range->begin == holding.covered_bytes) {
          holding.covered_bytes = range->end;
        }
        return true;
      },
      stop);
  return all;
}

std::vector<postgres::Timeline> WalArchive::timelines(std::stop_token stop) const {
  std::vector<postgres::Timeline> all;
  const std::string prefix = wal_prefix(epoch_.number);
  // One look per timeline: the first key behind the last one found.
  repository_->store().list(
      prefix,
      [&](const ObjectInfo& info) {
        const std::string_view rest = std::string_view(info.key.text()).substr(prefix.size());
        uint32_t number = 0;
        const auto [end, failed] = std::from_chars(
            rest.data(), rest.data() + std::min<size_t>(8, rest.size()), number, 16);
        if (failed == std::errc{} && end == rest.data() + 8 &&
            (all.empty() || all.back().value != number)) {
          all.push_back({number});
        }
        return true;
      },
      stop);
  return all;
}

postgres::TimelineHistory WalArchive::history(postgres::Timeline timeline,
                                              std::stop_token stop) const {
  const std::optional<WalFileName> name =
      postgres::parse_wal_file_name(postgres::history_file_name(timeline));
  CHECK(name);
  Bytes text;
  if (timeline.value == 1 ||
      !fetch(
          *name, Partial::refuse, [&](ByteView piece) { base::append(text, piece); }, stop)) {
    return postgres::TimelineHistory(timeline);
  }
  return postgres::TimelineHistory::parse(timeline, base::as_text(text));
}

}  // namespace repository
