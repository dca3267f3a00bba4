// Writing messages: docs/formats/envelope.md, "What we write".
#pragma once

#include <functional>

#include "crypto/aes_gcm.h"
#include "crypto/frame_layout.h"
#include "crypto/key_wrapper.h"

namespace crypto {

// The frames and the tag of one message under its derived key, each sealed exactly once and in
// order: a second use of one IV would give the key away, so that is CHECKed. Belongs to one thread.
class FrameSealer {
 public:
  FrameSealer(base::ByteView key, const MessageId& id);
  // Writes the next frame to the start of `out`, which has room for the plaintext and
  // frame_overhead, or last_frame_overhead; gives its size. A last one is followed by none.
  size_t seal_frame(base::ByteView plain, bool last, base::ByteSpan out);
  GcmTag seal_header(base::ByteView body);

 private:
  AesGcm cipher_;
  MessageId id_;
  uint32_t sequence_ = 0;
  bool ended_ = false;
  bool header_sealed_ = false;
};

// A message from a stream. The label, which stands in the header, is known only when all has been
// written, so room for the header goes out first and the header comes last:
//
//   Sealer sealer(data_key, context, [&](base::ByteView sealed) { writer->write(sealed); });
//   while (...) sealer.write(piece);
//   const base::Bytes head = sealer.finish(digest, nonce);
//   writer->commit(head);  // replaces the first envelope_header_bytes
//
// Dropped without finish(), what went out opens with no key. Holds one frame. Belongs to one
// thread.
class Sealer {
 public:
  using Sink = std::function<void(base::ByteView)>;  // the bytes are good during the call only

  // Throws invalid when the context is not usable or the wrapped keys leave no room in the header.
  // Sends envelope_header_bytes of zeros to the sink. The data key is not needed afterwards.
  Sealer(const DataKey& key, const EncryptionContext& context, Sink sink);
  // Sends whole frames to the sink, and keeps the rest. Throws invalid above message_plain_max, and
  // what the sink throws: then the message cannot be finished.
  void write(base::ByteView plain);
  // Sends the last frame and gives the header, of envelope_header_bytes. Once.
  base::Bytes finish(const Digest& content, const WriterNonce& nonce);

  uint64_t plain_bytes() const { return plain_bytes_; }

 private:
  void send_frame(base::ByteView plain, bool last);

  MessageHeader header_;
  FrameSealer frames_;
  Sink sink_;
  base::Bytes pending_;  // less than a frame, or a whole one that may be the last
  base::Bytes sealed_;   // room for the frame that is being sent
  uint64_t plain_bytes_ = 0;
  bool finished_ = false;
};

// The whole message at once.
base::Bytes seal(base::ByteView plain, const DataKey& key, const EncryptionContext& context,
                 const Digest& content, const WriterNonce& nonce);

}  // namespace crypto
