#include "crypto/seal.h"

#include <algorithm>

#include "base/error.h"
#include "crypto/frame_aad.h"
#include "crypto/key_derivation.h"

namespace crypto {

using base::ByteSpan;
using base::ByteView;

FrameSealer::FrameSealer(ByteView key, const MessageId& id)
    : cipher_(AesGcm::Direction::seal, key), id_(id) {}

size_t FrameSealer::seal_frame(ByteView plain, bool last, ByteSpan out) {
  CHECK(!ended_ && sequence_ < last_frame_marker - 1);
  CHECK(out.size() >= plain.size() + (last ? last_frame_overhead : frame_overhead));
  ended_ = last;
  ++sequence_;
  const GcmIv iv = frame_iv(sequence_);
  std::byte* at = out.data();
  if (last) {
    store_big(at, last_frame_marker);
    at += 4;
  }
  store_big(at, sequence_);
  at = std::ranges::copy(iv, at + 4).out;
  if (last) {
    store_big(at, static_cast<uint32_t>(plain.size()));
    at += 4;
  }
  std::byte* tag = at + plain.size();
  cipher_.seal(iv, FrameAad(id_, last, sequence_, plain.size()).bytes(), plain,
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
                          MessageHeader& header) {
  require_usable(context);
  header.context = context;
  header.keys = key.wrapped;
  base::fill_random(header.id);
  // A label of any content takes the same room: whether there is some is known now.
  label_entry({}, header, envelope_header_bytes - sizeof(GcmTag));
  const DerivedKeys derived = derive_keys(header.suite, header.id, key.plain);
  header.commitment = derived.commitment;
  return {derived.key.bytes, header.id};
}
}  // namespace

Sealer::Sealer(const DataKey& key, const EncryptionContext& context, Sink sink)
    : frames_(begin_message(key, context, header_)),
      sink_(std::move(sink)),
      sealed_(envelope_frame_bytes + last_frame_overhead) {
  pending_.reserve(envelope_frame_bytes);
  sink_(base::Bytes(envelope_header_bytes));
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

base::Bytes Sealer::finish(const Digest& content, const WriterNonce& nonce) {
  CHECK(!finished_);
  finished_ = true;
  send_frame(pending_, true);
  const Label label{.content = content, .nonce = nonce, .plain_bytes = plain_bytes_};
  header_.keys.push_back(label_entry(label, header_, envelope_header_bytes - sizeof(GcmTag)));
  base::Bytes head = serialise_body(header_);
  const GcmTag tag = frames_.seal_header(head);
  base::append(head, ByteView(tag));
  CHECK(head.size() == envelope_header_bytes);
  return head;
}

base::Bytes seal(ByteView plain, const DataKey& key, const EncryptionContext& context,
                 const Digest& content, const WriterNonce& nonce) {
  base::Bytes out;
  out.reserve(FrameLayout::of_plain(plain.size()).stored_bytes());
  Sealer sealer(key, context, [&](ByteView sealed) { base::append(out, sealed); });
  sealer.write(plain);
  const base::Bytes head = sealer.finish(content, nonce);
  std::ranges::copy(head, out.begin());
  return out;
}

}  // namespace crypto
