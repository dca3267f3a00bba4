#include "repository/shard.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/compress.h"
#include "base/error.h"

namespace repository {

using base::Bytes;
using base::ByteView;
using base::ErrorKind;
using crypto::Digest;

namespace {

constexpr size_t content_bytes_max = 1 * base::GiB;
constexpr int compress_level = 1;  // digests do not compress; the tables do at any level

// The tables are read in place: vector memory is aligned for all of them, and every table's size is
// a multiple of 8.
template <typename Row>
std::span<const Row> table(ByteView content, size_t& at, uint64_t count) {
  if (count > (content.size() - at) / sizeof(Row)) {
    throw base::error(ErrorKind::corrupt, "an index shard is shorter than its tables");
  }
  const std::span<const Row> rows(reinterpret_cast<const Row*>(content.data() + at), count);
  at += count * sizeof(Row);
  return rows;
}

template <typename Row>
void append_row(Bytes& bytes, const Row& row) {
  base::append(bytes, ByteView(reinterpret_cast<const std::byte*>(&row), sizeof row));
}

}  // namespace

Shard Shard::parse(Bytes content) {
  Shard shard(std::move(content));
  const ByteView bytes(shard.content_);
  if (bytes.size() < sizeof(ShardCounts))
    throw base::error(ErrorKind::corrupt, "an index shard without its head");
  std::memcpy(&shard.counts_, bytes.data(), sizeof(ShardCounts));
  size_t at = sizeof(ShardCounts);
  shard.packs_ = table<PackId>(bytes, at, shard.counts_.packs);
  shard.frames_ = table<FrameRow>(bytes, at, shard.counts_.frames);
  shard.files_ = table<FileRow>(bytes, at, shard.counts_.files);
  shard.extents_ = table<ExtentRow>(bytes, at, shard.counts_.extents);
  shard.digests_ = table<Digest>(bytes, at, shard.counts_.blocks);
  shard.names_ = base::as_text(table<std::byte>(bytes, at, shard.counts_.name_bytes));
  if (at != bytes.size())
    throw base::error(ErrorKind::corrupt, "an index shard is longer than its tables");
  shard.check();
  return shard;
}

void Shard::check() const {
  const auto require = [](bool holds, const char* what) {
    if (!holds) throw base::error(ErrorKind::corrupt, "an index shard is damaged: {}", what);
  };
  for (const FrameRow& frame : frames_) {
    require(frame.pack < packs_.size(), "a frame in no pack");
    require(frame.stored_bytes > 0 && frame.raw_bytes > 0 && frame.raw_bytes <= 64 * base::MiB,
            "a frame of strange size");
  }
  uint64_t block = 0;
  uint64_t extent = 0;
  std::string_view before;
  for (const FileRow& file : files_) {
    require(uint64_t{file.name_offset} + file.name_bytes + file.link_bytes <= names_.size(),
            "a name outside the names");
    const std::string_view path = name(file);
    require(!path.empty() && path > before, "paths out of order");
    before = path;
    require(file.kind <= FileKind::link, "a file of no kind");
    require(file.kind == FileKind::file || file.size == 0, "a folder with a size");
    require(file.first_block == block && file.first_extent == extent, "tables out of step");
    require(file.size <= uint64_t{zero_frame} * block_bytes, "a file of strange size");
    const uint64_t blocks = blocks_of(file.size);
    require(blocks <= counts_.blocks - block && file.extents <= counts_.extents - extent,
            "a file beyond its tables");
    uint64_t covered = 0;
    for (const ExtentRow& row : extents(file)) {
      require(row.block == covered && row.blocks > 0 && row.blocks <= blocks - covered,
              "extents that do not cover a file");
      if (row.frame != zero_frame) {
        require(row.frame < frames_.size(), "an extent in no frame");
        const uint64_t last = row.block + row.blocks - 1;
        const uint64_t bytes =
            (uint64_t{row.blocks} - 1) * block_bytes + bytes_of_block(file.size, last);
        require(row.offset + bytes <= frames_[row.frame].raw_bytes, "an extent beyond its frame");
      }
      covered += row.blocks;
    }
    require(covered == blocks, "extents that do not cover a file");
    block += blocks;
    extent += file.extents;
  }
  require(block == counts_.blocks && extent == counts_.extents, "tables longer than their files");
}

std::string_view Shard::name(const FileRow& file) const {
  return names_.substr(file.name_offset, file.name_bytes);
}

std::string_view Shard::link_target(const FileRow& file) const {
  return names_.substr(file.name_offset + file.name_bytes, file.link_bytes);
}

const FileRow* Shard::find(std::string_view path) const {
  const auto at =
      std::ranges::lower_bound(files_, path, {}, [&](const FileRow& file) { return name(file); });
  return at != files_.end() && name(*at) == path ? &*at : nullptr;
}

const ExtentRow& Shard::extent_of(const FileRow& file, uint32_t block) const {
  const std::span<const ExtentRow> rows = extents(file);
  const auto after = std::ranges::upper_bound(rows, block, {}, &ExtentRow::block);
  CHECK(after != rows.begin());
  return *(after - 1);
}

FrameAddress address_of(const Shard& shard, uint32_t frame) {
  const FrameRow& row = shard.frames()[frame];
  return {shard.packs()[row.pack], row.offset, row.stored_bytes, row.raw_bytes};
}

namespace {

// Gives each frame and pack a number when an extent first uses it, so that the tables hold what is
// used, in a fixed order.
class UsedFrames {
 public:
  explicit UsedFrames(std::span<const FrameAddress> frames)
      : frames_(frames), numbers_(frames.size(), zero_frame) {}

  uint32_t number(uint32_t frame) {
    if (frame == zero_frame) return zero_frame;
    uint32_t& number = numbers_[frame];
    if (number == zero_frame) {
      const FrameAddress& address = frames_[frame];
      const auto [pack, is_new] =
          pack_numbers_.try_emplace(address.pack, static_cast<uint32_t>(packs.size()));
      if (is_new) packs.push_back(address.pack);
      number = static_cast<uint32_t>(rows.size());
      rows.push_back({address.offset, pack->second, address.stored_bytes, address.raw_bytes, 0});
    }
    return number;
  }

  std::vector<PackId> packs;
  std::vector<FrameRow> rows;

 private:
  std::span<const FrameAddress> frames_;
  std::vector<uint32_t> numbers_;
  std::map<PackId, uint32_t> pack_numbers_;
};

// Consecutive blocks at consecutive bytes of one frame become one extent.
void append_extents(const ShardFile& file, std::span<const BlockPlace> places, UsedFrames& used,
                    std::vector<ExtentRow>& extents) {
  const uint64_t blocks = blocks_of(file.size);
  const size_t first = extents.size();
  for (uint32_t block = 0; block < blocks; ++block) {
    const BlockPlace& place = places[file.first_block + block];
    const uint32_t frame = used.number(place.frame);
    const uint32_t offset = frame == zero_frame ? 0 : place.offset;
    if (extents.size() > first) {
      ExtentRow& last = extents.back();
      const bool follows = frame == zero_frame || offset == last.offset + last.blocks * block_bytes;
      if (last.frame == frame && follows) {
        ++last.blocks;
        continue;
      }
    }
    extents.push_back({block, 1, frame, offset});
  }
}

}  // namespace

Bytes serialise_shard(std::span<const ShardFile> files, std::span<const Digest> digests,
                      std::span<const BlockPlace> places, std::span<const FrameAddress> frames) {
  UsedFrames used(frames);
  std::vector<ExtentRow> extents;
  std::vector<FileRow> rows;
  std::string names;
  uint64_t blocks = 0;
  for (const ShardFile& file : files) {
    CHECK(file.path.size() <= std::numeric_limits<uint16_t>::max());
    FileRow row{.size = file.size,
                .first_block = blocks,
                .name_offset = static_cast<uint32_t>(names.size()),
                .name_bytes = static_cast<uint16_t>(file.path.size()),
                .kind = file.kind,
                .zero = 0,
                .mode = file.mode,
                .first_extent = static_cast<uint32_t>(extents.size()),
                .extents = 0,
                .link_bytes = static_cast<uint32_t>(file.link_target.size())};
    append_extents(file, places, used, extents);
    row.extents = static_cast<uint32_t>(extents.size()) - row.first_extent;
    rows.push_back(row);
    names += file.path;
    names += file.link_target;
    blocks += blocks_of(file.size);
  }
  const ShardCounts counts{.files = static_cast<uint32_t>(rows.size()),
                           .packs = static_cast<uint32_t>(used.packs.size()),
                           .frames = static_cast<uint32_t>(used.rows.size()),
                           .extents = static_cast<uint32_t>(extents.size()),
                           .blocks = blocks,
                           .name_bytes = names.size()};
  Bytes content;
  content.reserve(sizeof counts + used.packs.size() * sizeof(PackId) +
                  used.rows.size() * sizeof(FrameRow) + rows.size() * sizeof(FileRow) +
                  extents.size() * sizeof(ExtentRow) + blocks * sizeof(Digest) + names.size());
  append_row(content, counts);
  for (const PackId& pack : used.packs) append_row(content, pack);
  for (const FrameRow& row : used.rows) append_row(content, row);
  for (const FileRow& row : rows) append_row(content, row);
  for (const ExtentRow& row : extents) append_row(content, row);
  for (const ShardFile& file : files) {
    const std::span<const Digest> own = digests.subspan(file.first_block, blocks_of(file.size));
    base::append(content,
                 ByteView(reinterpret_cast<const std::byte*>(own.data()), own.size_bytes()));
  }
  base::append(content, base::as_bytes(names));
  return content;
}

namespace {

// by_kind: the run id of the prefix's key, ended by zeros, and its number u32. A whole shard has
// zeros.
constexpr size_t run_bytes = 25;
constexpr size_t number_at = 28;

void name_prefix(ObjectHeader& header, const std::string& key) {
  const size_t run_at = shard_prefix({header.epoch}).size();  // shards/EEEE/R/NNNNNN.zst
  uint32_t number = 0;
  if (key.size() > run_at + run_bytes + 1) {
    const char* digits = key.data() + run_at + run_bytes + 1;
    std::from_chars(digits, key.data() + key.size(), number);
  }
  const std::string run = key.substr(std::min(run_at, key.size()), run_bytes);
  if (run.size() != run_bytes || shard_key({header.epoch}, run, number).text() != key)
    throw base::error(ErrorKind::corrupt, "{} is not the key of an index shard", key);
  std::memcpy(header.by_kind.data(), run.data(), run_bytes);
  base::store<uint32_t>(header.by_kind.data() + number_at, number);
}

std::optional<ObjectKey> prefix_of(const ObjectHeader& header) {
  const std::string run(base::as_text(ByteView(header.by_kind).first(run_bytes)));
  if (run.front() == '\0') return std::nullopt;
  const bool is_name =
      std::ranges::all_of(run, [](char c) { return c != '/' && ObjectKey::allows(c); });
  if (!is_name || run.front() == '.')
    throw base::error(ErrorKind::corrupt, "the index shard is a difference from nothing");
  return shard_key({header.epoch}, run, base::load<uint32_t>(header.by_kind.data() + number_at));
}

ObjectHeader header_of(const Repository& repository, ByteView object) {
  return parse_header(object, ObjectKind::shard, repository.id(), repository.hash_key());
}

}  // namespace

Bytes wrap_shard(const Repository& repository, EpochNumber epoch, ByteView content,
                 const ShardPrefix* prefix) {
  base::Compressor compressor(compress_level, true);
  ObjectHeader header{
      .kind = ObjectKind::shard, .repository = repository.id(), .epoch = epoch.value};
  if (prefix != nullptr) name_prefix(header, prefix->key.text());
  const Bytes frame = prefix != nullptr ? compressor.compress_difference(content, prefix->content)
                                        : compressor.compress(content);
  header.content = repository.hash_key().digest(content);
  header.content_bytes = content.size();
  header.stored = repository.hash_key().digest(frame);
  Bytes object = header.serialise(repository.hash_key());
  base::append(object, frame);
  return object;
}

std::optional<ObjectKey> shard_prefix_of(const Repository& repository, ByteView object) {
  return prefix_of(header_of(repository, object));
}

Bytes unwrap_shard(const Repository& repository, ByteView object, ByteView prefix) {
  const ObjectHeader header = header_of(repository, object);
  const ByteView frame = object.subspan(header_bytes);
  if (repository.hash_key().digest(frame) != header.stored ||
      header.content_bytes > content_bytes_max) {
    throw base::error(ErrorKind::corrupt, "the index shard does not match its digest");
  }
  if (prefix_of(header).has_value() != !prefix.empty()) {
    throw base::error(ErrorKind::corrupt, "the index shard is a difference from another than this");
  }
  Bytes content(header.content_bytes);
  base::Decompressor().decompress_exactly(frame, content, prefix);
  if (repository.hash_key().digest(content) != header.content) {
    throw base::error(ErrorKind::corrupt, "the index shard does not match its digest");
  }
  return content;
}

Bytes read_shard(const Repository& repository, const ObjectKey& key, std::stop_token stop) {
  const Bytes object = storage::read_all(repository.store(), key, base::GiB, stop);
  const std::optional<ObjectKey> prefix_key = shard_prefix_of(repository, object);
  if (!prefix_key) return unwrap_shard(repository, object);
  const Bytes prefix =
      base::while_doing("what it is a difference from, " + prefix_key->text(), [&] {
        return unwrap_shard(repository,
                            storage::read_all(repository.store(), *prefix_key, base::GiB, stop));
      });
  return unwrap_shard(repository, object, prefix);
}

bool is_worth_it(ByteView difference, ByteView content) {
  constexpr size_t share = 4;
  constexpr size_t content_bytes_min = 16 * base::KiB;
  return content.size() >= content_bytes_min && difference.size() <= content.size() / share;
}

}  // namespace repository
