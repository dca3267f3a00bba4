#include "repository/pack.h"

#include "base/error.h"

namespace repository {

using base::Bytes;
using base::ByteView;
using base::ErrorKind;
using base::load;

namespace {

constexpr size_t tail_bytes = 48;
constexpr size_t pieces_max = 65536;
constexpr uint64_t footer_bytes_max = 256 * base::MiB;
constexpr std::string_view magic("seawall\0", 8);

}  // namespace

PackWriter::PackWriter(const Repository& repository, EpochNumber epoch, uint64_t pack_bytes_max,
                       int level, std::function<void(const PackSummary&)> committed,
                       std::stop_token stop)
    : repository_(repository),
      epoch_(epoch),
      pack_bytes_max_(pack_bytes_max),
      committed_(std::move(committed)),
      stop_(std::move(stop)),
      compressor_(level, true),
      packed_(base::Compressor::bound(frame_raw_bytes)) {}

void PackWriter::begin() {
  id_ = new_pack_id(base::system_clock().now());
  writer_ = repository_.store().begin_write(pack_key(epoch_, id_),
                                            {.expected_bytes = pack_bytes_max_}, stop_);
  ObjectHeader header{
      .kind = ObjectKind::pack, .repository = repository_.id(), .epoch = epoch_.value};
  header.nonce = id_.bytes;
  const Bytes bytes = header.serialise(repository_.hash_key());
  writer_->write(bytes);
  offset_ = bytes.size();
}

FrameAddress PackWriter::add(ByteView raw, std::vector<FrameContent> content) {
  if (!writer_) begin();
  if (packed_.size() < base::Compressor::bound(raw.size()))
    packed_.resize(base::Compressor::bound(raw.size()));
  const ByteView packed = ByteView(packed_).first(compressor_.compress(raw, packed_));
  writer_->write(packed);
  const FrameAddress address{id_, offset_, static_cast<uint32_t>(packed.size()),
                             static_cast<uint32_t>(raw.size())};
  frames_.push_back({address, repository_.hash_key().digest(packed), std::move(content)});
  offset_ += packed.size();
  raw_bytes_ += raw.size();
  size_t pieces = 0;  // a pack of tiny files is a small one, as its table is held in memory
  for (const Frame& frame : frames_) pieces += frame.content.size();
  if (offset_ >= pack_bytes_max_ || pieces >= pieces_max) commit();
  return address;
}

void PackWriter::commit() {
  if (!writer_) return;
  Bytes table;
  uint32_t extents = 0;
  uint64_t name_bytes = 0;
  for (const Frame& frame : frames_) {
    extents += static_cast<uint32_t>(frame.content.size());
    for (const FrameContent& content : frame.content) name_bytes += content.path.size();
  }
  base::append<uint32_t>(table, static_cast<uint32_t>(frames_.size()));
  base::append<uint32_t>(table, extents);
  base::append<uint64_t>(table, name_bytes);
  for (const Frame& frame : frames_) {
    base::append<uint64_t>(table, frame.address.offset);
    base::append<uint32_t>(table, frame.address.stored_bytes);
    base::append<uint32_t>(table, frame.address.raw_bytes);
    base::append(table, ByteView(frame.digest.bytes));
  }
  uint32_t name_at = 0;
  for (uint32_t number = 0; number < frames_.size(); ++number) {
    for (const FrameContent& content : frames_[number].content) {
      for (const uint32_t field : {number, content.offset, content.first_block, content.blocks,
                                   name_at, static_cast<uint32_t>(content.path.size())}) {
        base::append<uint32_t>(table, field);
      }
      name_at += static_cast<uint32_t>(content.path.size());
    }
  }
  for (const Frame& frame : frames_) {
    for (const FrameContent& content : frame.content)
      base::append(table, base::as_bytes(content.path));
  }

  const Bytes packed = base::Compressor(1, true).compress(table);
  const uint64_t footer_bytes = 8 + packed.size() + tail_bytes;
  Bytes footer;
  base::append<uint32_t>(footer, footer_frame_magic);
  base::append<uint32_t>(footer, static_cast<uint32_t>(footer_bytes - 8));
  base::append(footer, packed);
  base::append<uint64_t>(footer, footer_bytes);
  base::append<uint64_t>(footer, table.size());
  base::append(footer, ByteView(repository_.hash_key().digest(packed).bytes));
  base::append<uint64_t>(footer, frames_.size());
  base::append(footer, base::as_bytes(magic));
  CHECK(footer.size() == footer_bytes);
  writer_->write(footer);
  writer_->commit({});  // the name is random: nobody else has it
  writer_.reset();
  committed_({id_, offset_ + footer_bytes, raw_bytes_});
  frames_.clear();
  raw_bytes_ = 0;
}

PackIndex read_pack_index(const Repository& repository, EpochNumber epoch, const PackId& pack,
                          std::stop_token stop) {
  const ObjectKey key = pack_key(epoch, pack);
  return base::while_doing(key.text(), [&] {
    const auto fail = [](const char* why) {
      return base::error(ErrorKind::corrupt, "the pack {}", why);
    };
    storage::ObjectStore& store = repository.store();
    const std::optional<storage::ObjectInfo> info = store.stat(key, stop);
    if (!info) throw base::error(ErrorKind::absent, "there is no such pack");
    if (info->size < header_bytes + 8 + tail_bytes) throw fail("is cut off");
    Bytes head(header_bytes);
    store.read(key, 0, head, stop);
    if (parse_header(head, ObjectKind::pack, repository.id(), repository.hash_key()).nonce !=
        pack.bytes) {
      throw fail("was stored under another name");
    }
    Bytes tail(tail_bytes);
    store.read(key, info->size - tail_bytes, tail, stop);
    const uint64_t footer_bytes = load<uint64_t>(tail.data());
    const uint64_t table_bytes = load<uint64_t>(tail.data() + 8);
    if (base::as_text(ByteView(tail).subspan(40)) != magic || footer_bytes < 8 + tail_bytes ||
        footer_bytes > info->size - header_bytes || table_bytes > footer_bytes_max) {
      throw fail("has no whole footer: it is cut off or damaged");
    }
    Bytes footer(footer_bytes - tail_bytes);
    store.read(key, info->size - footer_bytes, footer, stop);
    const ByteView packed = ByteView(footer).subspan(8);
    if (load<uint32_t>(footer.data()) != footer_frame_magic ||
        load<uint32_t>(footer.data() + 4) != footer_bytes - 8 ||
        !std::ranges::equal(repository.hash_key().digest(packed).bytes,
                            ByteView(tail).subspan(16, 16))) {
      throw fail("has a damaged footer");
    }
    Bytes table(table_bytes);
    base::Decompressor().decompress_exactly(packed, table);
    if (table.size() < 16) throw fail("has a damaged footer");
    const uint64_t frames = load<uint32_t>(table.data());
    const uint64_t extents = load<uint32_t>(table.data() + 4);
    const uint64_t name_bytes = load<uint64_t>(table.data() + 8);
    if (load<uint64_t>(tail.data() + 32) != frames || name_bytes > table.size() ||
        table.size() != 16 + frames * 32 + extents * 24 + name_bytes) {
      throw fail("has a damaged footer");
    }
    PackIndex index;
    const std::byte* at = table.data() + 16;
    uint64_t expected = header_bytes;
    for (uint64_t i = 0; i < frames; ++i, at += 32) {
      PackIndex::Frame frame{
          {pack, load<uint64_t>(at), load<uint32_t>(at + 8), load<uint32_t>(at + 12)}, {}};
      std::copy(at + 16, at + 32, frame.digest.bytes.begin());
      if (frame.address.offset != expected) throw fail("has frames that do not follow each other");
      expected += frame.address.stored_bytes;
      index.frames.push_back(frame);
    }
    if (expected != info->size - footer_bytes) throw fail("is longer or shorter than its frames");
    const std::string_view names = base::as_text(ByteView(table).last(name_bytes));
    for (uint64_t i = 0; i < extents; ++i, at += 24) {
      const uint32_t frame = load<uint32_t>(at);
      const uint32_t name_at = load<uint32_t>(at + 16);
      const uint32_t length = load<uint32_t>(at + 20);
      if (frame >= frames || uint64_t{name_at} + length > names.size())
        throw fail("has a damaged footer");
      index.extents.push_back({frame,
                               {std::string(names.substr(name_at, length)), load<uint32_t>(at + 8),
                                load<uint32_t>(at + 12), load<uint32_t>(at + 4)}});
    }
    return index;
  });
}

bool FrameReader::Window::holds(const FrameAddress& frame) const {
  return frame.pack == pack && frame.offset >= begin &&
         frame.offset + frame.stored_bytes <= begin + bytes.size();
}

void FrameReader::expect(std::vector<FrameAddress> frames) {
  expected_ = std::move(frames);
  std::ranges::sort(expected_);
}

// Up to where one request for this frame fetches.
uint64_t FrameReader::end_of_window(const FrameAddress& frame) const {
  const uint64_t most = repository_.store().worth_asking_for();
  uint64_t end = frame.offset + frame.stored_bytes;
  auto next = std::ranges::lower_bound(expected_, frame);
  if (next == expected_.end() || *next != frame) return end;
  for (; next != expected_.end() && next->pack == frame.pack; ++next) {
    const uint64_t next_end = next->offset + next->stored_bytes;
    if (next->offset > end + gap_bytes || next_end > frame.offset + most) break;
    end = std::max(end, next_end);
  }
  return end;
}

void FrameReader::fetch(Window& window, const FrameAddress& frame, uint64_t end,
                        std::stop_token stop) const {
  window.pack = {};  // holds nothing until it is read whole
  window.bytes.resize(end - frame.offset);
  repository_.store().read(pack_key(epoch_, frame.pack), frame.offset, window.bytes, stop);
  window.pack = frame.pack;
  window.begin = frame.offset;
}

const FrameReader::Window& FrameReader::window_with(const FrameAddress& frame,
                                                    std::stop_token stop) {
  auto at = std::ranges::find(windows_, frame.pack, &Window::pack);
  if (at == windows_.end()) {
    if (windows_.size() < windows_max) windows_.emplace_back();
    at = std::prev(windows_.end());
  }
  windows_.splice(windows_.begin(), windows_, at);
  Window& window = windows_.front();
  if (window.holds(frame)) return window;
  const uint64_t own_end = frame.offset + frame.stored_bytes;
  const uint64_t end = end_of_window(frame);
  try {
    fetch(window, frame, end, stop);
  } catch (const base::Error& failure) {
    // One that is damaged behind this one must not be taken for this one.
    if (failure.kind() != ErrorKind::corrupt || end == own_end) throw;
    fetch(window, frame, own_end, stop);
  }
  return window;
}

void FrameReader::read(const FrameAddress& frame, Bytes& raw, std::stop_token stop) {
  base::while_doing(pack_key(epoch_, frame.pack).text(), [&] {
    const Window& window = window_with(frame, stop);
    raw.resize(frame.raw_bytes);
    decompressor_.decompress_exactly(
        base::ByteView(window.bytes).subspan(frame.offset - window.begin, frame.stored_bytes), raw);
  });
}

}  // namespace repository
