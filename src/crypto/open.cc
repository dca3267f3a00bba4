#include "crypto/open.h"

#include <algorithm>

#include "base/error.h"
#include "crypto/frame_aad.h"
#include "crypto/key_derivation.h"

namespace crypto {

using base::ByteSpan;
using base::ByteView;
using base::ErrorKind;

namespace {
constexpr size_t last_frame_head = 4 + 4 + 12 + 4;  // marker, sequence, IV, size
constexpr size_t footer_max = 256;                  // a P-384 signature has at most 104 bytes

base::Error corrupt(std::string why) { return {ErrorKind::corrupt, std::move(why)}; }

bool is_last(ByteView frame) { return load_big<uint32_t>(frame.data()) == last_frame_marker; }

// Opens one whole frame into `out`, which has the size of its plaintext.
void open_frame(AesGcm& cipher, const MessageId& id, ByteView frame, uint32_t sequence, bool last,
                ByteSpan out) {
  const auto fail = [&](std::string_view why) {
    std::ranges::fill(out, std::byte{0});
    return corrupt(fmt::format("frame {} of the message {}", sequence, why));
  };
  const size_t head = last ? last_frame_head : 4 + 12;
  CHECK(frame.size() == head + out.size() + 16);
  if (is_last(frame) != last) {
    throw fail(last ? "should be the last and is not" : "is the last, before the end");
  }
  const std::byte* at = frame.data() + (last ? 4 : 0);
  const GcmIv iv = frame_iv(sequence);
  if (load_big<uint32_t>(at) != sequence || !std::equal(iv.begin(), iv.end(), at + 4)) {
    throw fail("is not in its place");
  }
  if (last && load_big<uint32_t>(at + 16) != out.size()) throw fail("has another size");
  if (!cipher.open(iv, FrameAad(id, last, sequence, out.size()).bytes(),
                   frame.subspan(head, out.size()), frame.last(16), out)) {
    throw fail("is damaged");
  }
}
}  // namespace

SecretKey unwrap(KeyWrapper& keys, const MessageHeader& header, std::stop_token stop) {
  std::optional<SecretKey> key = keys.unwrap(header.keys, header.context, stop);
  if (key) return std::move(*key);
  throw base::Error(ErrorKind::denied,
                    fmt::format("the message was sealed for {}, and we have {}",
                                describe_recipients(header.keys), keys.describe()),
                    "name one of the keys it was sealed for");
}

MessageKey open_header(const MessageHeader& header, const SecretKey& data_key) {
  const DerivedKeys derived = derive_keys(header.suite, header.id, data_key);
  if (!same_secret(derived.commitment, header.commitment)) {
    throw corrupt("the message's header does not commit to its data key");
  }
  AesGcm cipher(AesGcm::Direction::open, derived.key.bytes);
  if (!cipher.open(GcmIv{}, header.body, {}, header.tag, {})) {
    throw corrupt("the message's header is damaged");
  }
  return {.key = derived.key, .id = header.id};
}

FrameOpener::FrameOpener(const MessageKey& key, const MessageHeader& header, uint64_t stored_bytes)
    : layout_(FrameLayout::of_stored(stored_bytes, header.stored_bytes(), header.frame_bytes)),
      id_(key.id),
      cipher_(AesGcm::Direction::open, key.key.bytes) {
  if (header.suite != Suite::committing) {
    throw base::error(ErrorKind::invalid, "a signed message can only be read as a whole");
  }
  const std::optional<Label> label = find_label(header);
  if (label && label->plain_bytes != layout_.plain_bytes()) {
    throw corrupt(fmt::format("the object holds {} bytes, and its label says {}",
                              layout_.plain_bytes(), label->plain_bytes));
  }
}

void FrameOpener::open(ByteView stored, uint64_t offset, ByteSpan out) {
  CHECK(stored.size() == layout_.stored_range(offset, out.size()).bytes);
  while (!out.empty()) {
    const uint64_t index = offset / layout_.frame_bytes();
    const size_t skip = offset % layout_.frame_bytes();
    const bool last = index + 1 == layout_.frames();
    const size_t plain = last ? layout_.last_bytes() : layout_.frame_bytes();
    const size_t size = plain + (last ? last_frame_overhead : frame_overhead);
    const size_t count = std::min(out.size(), plain - skip);
    const auto sequence = static_cast<uint32_t>(index + 1);
    if (count == plain) {
      open_frame(cipher_, id_, stored.first(size), sequence, last, out.first(plain));
    } else {
      scratch_.resize(layout_.frame_bytes());
      const ByteSpan frame = ByteSpan(scratch_).first(plain);
      open_frame(cipher_, id_, stored.first(size), sequence, last, frame);
      std::ranges::copy(frame.subspan(skip, count), out.begin());
    }
    stored = stored.subspan(size);
    out = out.subspan(count);
    offset += count;
  }
}

Opener::Opener(KeyWrapper& keys, EncryptionContext expected, Sink sink, std::stop_token stop)
    : keys_(keys), expected_(std::move(expected)), sink_(std::move(sink)), stop_(std::move(stop)) {}

// How many bytes the unit has that begins with `available`: as much as is known yet, and at least
// one more than `available` when that is too short to tell.
size_t Opener::unit_bytes(ByteView available) const {
  if (at_ == At::footer) {
    if (available.size() < 2) return 2;
    const size_t size = load_big<uint16_t>(available.data());
    if (size > footer_max) throw corrupt("the message's signature is too long");
    return 2 + size;
  }
  if (available.size() < 4) return 4;
  if (!is_last(available)) return header_.frame_bytes + frame_overhead;
  if (available.size() < last_frame_head) return last_frame_head;
  const uint32_t size = load_big<uint32_t>(available.data() + last_frame_head - 4);
  if (size > header_.frame_bytes) throw corrupt("the message's last frame is too long");
  return last_frame_overhead + size;
}

void Opener::write(ByteView sealed) {
  if (at_ == At::header) {
    base::append(pending_, sealed.first(std::min(sealed.size(), message_header_max)));
    const size_t before = pending_.size() - std::min(sealed.size(), message_header_max);
    std::optional<MessageHeader> header = parse_message_header(pending_);
    if (!header) return;
    header_ = std::move(*header);
    take_header();
    sealed = sealed.subspan(header_.stored_bytes() - before);
    pending_.clear();
  }
  while (!sealed.empty()) {
    if (at_ == At::end) throw corrupt("there are bytes behind the message's end");
    if (pending_.empty()) {  // most frames are taken from where they lie
      const size_t size = unit_bytes(sealed);
      if (sealed.size() >= size) {
        take_unit(sealed.first(size));
        sealed = sealed.subspan(size);
        continue;
      }
    }
    const size_t size = unit_bytes(pending_);
    const size_t more = std::min(sealed.size(), size - pending_.size());
    base::append(pending_, sealed.first(more));
    sealed = sealed.subspan(more);
    if (pending_.size() == size && unit_bytes(pending_) == size) {
      take_unit(pending_);
      pending_.clear();
    }
  }
}

void Opener::take_header() {
  require_context(header_, expected_);
  key_ = open_header(header_, unwrap(keys_, header_, stop_));
  cipher_.emplace(AesGcm::Direction::open, key_->key.bytes);
  if (header_.suite == Suite::committing_and_signed) {
    signature_.emplace(header_.context.at("aws-crypto-public-key"));
    signature_->update(header_.body);
    signature_->update(header_.tag);
  }
  at_ = At::frames;
}

void Opener::take_unit(ByteView unit) {
  if (at_ == At::footer) {
    take_footer(unit);
  } else {
    take_frame(unit);
  }
}

void Opener::take_frame(ByteView unit) {
  const bool last = is_last(unit);
  if (sequence_ == last_frame_marker - 1) throw corrupt("the message has too many frames");
  ++sequence_;
  plain_.resize(unit.size() - (last ? last_frame_overhead : frame_overhead));
  open_frame(*cipher_, header_.id, unit, sequence_, last, plain_);
  plain_bytes_ += plain_.size();
  if (signature_) signature_->update(unit);
  if (last) {
    const std::optional<Label> label = find_label(header_);
    if (label && label->plain_bytes != plain_bytes_) {
      throw corrupt(fmt::format("the message holds {} bytes, and its label says {}", plain_bytes_,
                                label->plain_bytes));
    }
    at_ = signature_ ? At::footer : At::end;
    if (signature_) return;  // plain_ waits for it
  }
  if (!plain_.empty()) sink_(plain_);
}

void Opener::take_footer(ByteView unit) {
  if (!signature_->verify(unit.subspan(2))) throw corrupt("the message's signature is wrong");
  at_ = At::end;
  if (!plain_.empty()) sink_(plain_);
}

void Opener::finish() {
  if (at_ == At::end) return;
  throw corrupt(at_ == At::header ? "the message ends within its header"
                                  : "the message ends before its last frame is complete");
}

base::Bytes open(ByteView message, KeyWrapper& keys, const EncryptionContext& expected,
                 std::stop_token stop) {
  base::Bytes out;
  out.reserve(message.size());
  Opener opener(
      keys, expected, [&](ByteView plain) { base::append(out, plain); }, stop);
  opener.write(message);
  opener.finish();
  return out;
}

}  // namespace crypto
