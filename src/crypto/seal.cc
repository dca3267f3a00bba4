#include "crypto/seal.h"

#include <algorithm>

#include "base/error.h"
#include "crypto/frame_aad.h"
#include "crypto/key_derivation.h"

namespace crypto {

using base::ByteSpan;
using base::ByteView;

FrameSealer::FrameSealer(ByteView key, const MessageId& id, uint32_t held)
    : cipher_(AesGcm::Direction::seal, key), id_(id), held_(held), sequence_(held) {}

size_t FrameSealer::seal_frame(ByteView plain, bool last, ByteSpan out) {
  CHECK(!ended_ && sequence_ < last_frame_marker - 1);
  ended_ = last;
  return seal(++sequence_, plain, last, out);
}

size_t FrameSealer::seal_held(ByteView plain, bool last, ByteSpan out) {
  CHECK(held_sealed_ < held_ && (!last || (sequence_ == held_ && !ended_)));
  if (last) {
    ended_ = true;
    held_ = held_sealed_ + 1;
  }
  return seal(++held_sealed_, plain, last, out);
}

size_t FrameSealer::seal(uint32_t sequence, ByteView plain, bool last, ByteSpan out) {
  CHECK(out.size() >= plain.size() + (last ? last_frame_overhead : frame_overhead));
  const GcmIv iv = frame_iv(sequence);
  std::byte* at = out.data();
  if (last) {
    store_big(at, last_frame_marker);
    at += 4;
  }
  store_big(at, sequence);
  at = std::ranges::copy(iv, at + 4).out;
  if (last) {
    store_big(at, static_cast<uint32_t>(plain.size()));
    at += 4;
  }
  std::byte* tag = at + plain.size();
  cipher_.seal(iv, FrameAad(id_, last, sequence, plain.size()).bytes(), plain,
               ByteSpan(at, plain.size()), std::span<std::byte, 16>(tag, 16));
  return static_cast<size_t>(tag + 16 - out.data());
}

GcmTag FrameSealer::seal_header(ByteView body) {
  CHECK(!header_sealed_);
  header_sealed_ = true;
  GcmTag tag{};
  cipher_.seal(GcmIv{}, body, {}, {}, tag);
  return tag;
}

namespace {
// Fills in what is known when a message begins, and gives what seals its frames.
FrameSealer begin_message(const DataKey& key, const EncryptionContext& context,
                          MessageHeader& header, uint64_t held_frames) {
  require_usable(context);
  header.context = context;
  header.keys = key.wrapped;
  base::fill_random(header.id);
  // A label of any content takes the same room: whether there is some is known now.
  label_entry({}, header, envelope_header_bytes - sizeof(GcmTag));
  const DerivedKeys derived = derive_keys(header.suite, header.id, key.plain);
  header.commitment = derived.commitment;
  return {derived.key.bytes, header.id, static_cast<uint32_t>(held_frames)};
}

uint64_t frames_of(uint64_t bytes) {
  CHECK(bytes <= message_plain_max);
  return (bytes + envelope_frame_bytes - 1) / envelope_frame_bytes;
}
}  // namespace

Sealer::Sealer(const DataKey& key, const EncryptionContext& context, Sink sink, uint64_t held_bytes)
    : frames_(begin_message(key, context, header_, frames_of(held_bytes))),
      sink_(std::move(sink)),
      held_max_(frames_of(held_bytes) * envelope_frame_bytes),
      room_sent_(held_max_ == 0),
      sealed_(envelope_frame_bytes + last_frame_overhead) {
  if (room_sent_) sink_(base::Bytes(envelope_header_bytes));
}

uint64_t Sealer::head_bytes_max(uint64_t held_bytes) {
  return envelope_header_bytes + frames_of(held_bytes) * (envelope_frame_bytes + frame_overhead);
}

void Sealer::send_frame(ByteView plain, bool last) {
  const size_t size = frames_.seal_frame(plain, last, sealed_);
  sink_(ByteView(sealed_).first(size));
}

void Sealer::write(ByteView plain) {
  CHECK(!finished_);
  if (plain.size() > message_plain_max - plain_bytes_) {
    throw base::error(base::ErrorKind::invalid, "a message holds at most {}",
                      base::human_bytes(message_plain_max));
  }
  plain_bytes_ += plain.size();
  if (!room_sent_) {
    const size_t more = std::min<uint64_t>(plain.size(), held_max_ - held_.size());
    base::append(held_, plain.first(more));
    plain = plain.subspan(more);
    if (plain.empty()) return;
    // More than is held back follows, so all of its frames are full ones.
    sink_(base::Bytes(head_bytes_max(held_max_)));
    room_sent_ = true;
  }
  if (!pending_.empty()) {
    const size_t more = std::min(plain.size(), envelope_frame_bytes - pending_.size());
    base::append(pending_, plain.first(more));
    plain = plain.subspan(more);
    if (plain.empty()) return;  // a frame that is full may yet be the last
    send_frame(pending_, false);
    pending_.clear();
  }
  while (plain.size() > envelope_frame_bytes) {
    send_frame(plain.first(envelope_frame_bytes), false);
    plain = plain.subspan(envelope_frame_bytes);
  }
  base::append(pending_, plain);
}

void Sealer::replace_start(ByteView plain) {
  CHECK(!finished_ && plain.size() <= held_.size());
  std::ranges::copy(plain, held_.begin());
}

void Sealer::seal_held(bool all, base::Bytes& out) {
  ByteView rest = held_;
  do {
    const ByteView frame = rest.first(std::min<size_t>(rest.size(), envelope_frame_bytes));
    rest = rest.subspan(frame.size());
    base::append(out,
                 ByteView(sealed_).first(frames_.seal_held(frame, all && rest.empty(), sealed_)));
  } while (!rest.empty());
}

base::Bytes Sealer::seal_header(Label label) {
  label.plain_bytes = plain_bytes_;
  header_.keys.push_back(label_entry(label, header_, envelope_header_bytes - sizeof(GcmTag)));
  base::Bytes head = serialise_body(header_);
  const GcmTag tag = frames_.seal_header(head);
  base::append(head, ByteView(tag));
  CHECK(head.size() == envelope_header_bytes);
  return head;
}

base::Bytes Sealer::finish(Label label) {
  CHECK(!finished_);
  finished_ = true;
  if (room_sent_) send_frame(pending_, true);
  base::Bytes head = seal_header(label);
  if (held_max_ != 0) seal_held(!room_sent_, head);
  if (room_sent_) return head;
  sink_(head);
  return {};
}

base::Bytes seal(ByteView plain, const DataKey& key, const EncryptionContext& context,
                 const Label& label) {
  base::Bytes out;
  out.reserve(FrameLayout::of_plain(plain.size()).stored_bytes());
  Sealer sealer(key, context, [&](ByteView sealed) { base::append(out, sealed); });
  sealer.write(plain);
  const base::Bytes head = sealer.finish(label);
  std::ranges::copy(head, out.begin());
  return out;
}

}  // namespace crypto
