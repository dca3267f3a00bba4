// Reading messages, ours and those of the SDKs: docs/formats/envelope.md, "What we read". Nothing
// is given out that has not been verified; what does not verify is corrupt.
//
// A range of one of ours, of which `stored` bytes are known to exist:
//
//   MessageHeader header = *parse_message_header(first 2048 bytes);
//   require_context(header, expected);
//   FrameOpener frames(open_header(header, unwrap(keys, header, stop)), header, stored);
//   StoredRange range = frames.layout().stored_range(offset, count);
//   frames.open(the bytes of range, offset, out);
#pragma once

#include <functional>

#include "crypto/aes_gcm.h"
#include "crypto/frame_layout.h"
#include "crypto/key_wrapper.h"
#include "crypto/signature.h"

namespace crypto {

// The data key of a message. Throws denied, naming the recipients, when none is ours, and whatever
// unwrap throws.
SecretKey unwrap(KeyWrapper& keys, const MessageHeader& header, std::stop_token stop);

// What opens the frames of one message: its header has been verified. A value to keep; wiped in
// the end; safe to share between threads.
struct MessageKey {
  Wiped<32> key;
  MessageId id{};
};

// Verifies commitment and tag. Throws corrupt: the header is damaged, or this is not its key.
MessageKey open_header(const MessageHeader& header, const SecretKey& data_key);

// Ranges of a message without a signature. One for each thread; making one costs a microsecond.
class FrameOpener {
 public:
  // Throws corrupt when no message has this size, or the label tells of another size of the
  // plaintext (it was cut at a frame's end); invalid for one with a signature, which only the whole
  // can prove.
  FrameOpener(const MessageKey& key, const MessageHeader& header, uint64_t stored_bytes);

  const FrameLayout& layout() const { return layout_; }
  // Fills `out` with the plaintext from `offset` on. `stored` is layout().stored_range(offset,
  // out.size()), all of it. Throws corrupt: then `out` holds nothing but zeros and verified bytes.
  void open(base::ByteView stored, uint64_t offset, base::ByteSpan out);

 private:
  FrameLayout layout_;
  MessageId id_;
  AesGcm cipher_;
  base::Bytes scratch_;  // a frame of which only a part is wanted
};

// A whole message from a stream, by anyone. Holds one frame, and the last one of a signed message
// until its signature is verified. Belongs to one thread.
class Opener {
 public:
  using Sink = std::function<void(base::ByteView)>;  // the bytes are good during the call only

  // `expected` is what the context must hold at least; empty: whatever it holds. Borrows `keys`.
  Opener(KeyWrapper& keys, EncryptionContext expected, Sink sink, std::stop_token stop);
  // Sends the plaintext of each frame that is complete to the sink. Throws corrupt, invalid,
  // denied, and what the key wrapper and the sink throw.
  void write(base::ByteView sealed);
  // Throws corrupt when the message is not complete: then what was sent is not all of it.
  void finish();
  // Once it has been read and verified.
  const MessageHeader* header() const { return key_ ? &header_ : nullptr; }

 private:
  enum class At { header, frames, footer, end };
  size_t unit_bytes(base::ByteView available) const;
  void take_unit(base::ByteView unit);
  void take_header();
  void take_frame(base::ByteView unit);
  void take_footer(base::ByteView unit);

  KeyWrapper& keys_;
  const EncryptionContext expected_;
  const Sink sink_;
  const std::stop_token stop_;
  At at_ = At::header;
  MessageHeader header_;
  std::optional<MessageKey> key_;
  std::optional<AesGcm> cipher_;
  std::optional<SignatureVerifier> signature_;
  uint32_t sequence_ = 0;
  uint64_t plain_bytes_ = 0;
  base::Bytes pending_;  // the unit that is not complete yet
  base::Bytes plain_;    // of the frame at hand; of the last one until the signature is verified
};

// The whole message at once. `expected` as above.
base::Bytes open(base::ByteView message, KeyWrapper& keys, const EncryptionContext& expected,
                 std::stop_token stop);

}  // namespace crypto
