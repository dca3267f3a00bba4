// Writing messages: docs/formats/envelope.md, "What we write".
#pragma once

#include <functional>

#include "crypto/aes_gcm.h"
#include "crypto/frame_layout.h"
#include "crypto/key_wrapper.h"

namespace crypto {

// The frames and the tag of one message under its derived key, each sealed exactly once: a second
// use of one IV would give the key away, so that is CHECKed. The first `held` frames may be sealed
// last. Belongs to one thread.
class FrameSealer {
 public:
  FrameSealer(base::ByteView key, const MessageId& id, uint32_t held = 0);
  // Writes the next frame to the start of `out`, which has room for the plaintext and
  // frame_overhead, or last_frame_overhead; gives its size. A last one is followed by none.
  size_t seal_frame(base::ByteView plain, bool last, base::ByteSpan out);
  // The same for the next of those that were held back; a last one only if no other was sealed.
  size_t seal_held(base::ByteView plain, bool last, base::ByteSpan out);
  GcmTag seal_header(base::ByteView body);

 private:
  size_t seal(uint32_t sequence, base::ByteView plain, bool last, base::ByteSpan out);

  AesGcm cipher_;
  MessageId id_;
  uint32_t held_;
  uint32_t held_sealed_ = 0;
  uint32_t sequence_;  // of the last frame sealed behind those that are held
  bool ended_ = false;
  bool header_sealed_ = false;
};

// A message from a stream. The label, which stands in the header, is known only when all has been
// written, so room for the header goes out first and the header comes last:
//
//   Sealer sealer(data_key, context, [&](base::ByteView sealed) { writer->write(sealed); });
//   while (...) sealer.write(piece);
//   const base::Bytes head = sealer.finish(label);
//   writer->commit(head);  // replaces as many of the first bytes
//
// Where the start of the plaintext, too, is certain only in the end, its frames are held back and
// go out with the header.
//
// Dropped without finish(), what went out opens with no key. Holds one frame. Belongs to one
// thread.
class Sealer {
 public:
  using Sink = std::function<void(base::ByteView)>;  // the bytes are good during the call only

  // Throws invalid when the context is not usable or the wrapped keys leave no room in the header.
  // The first `held_bytes` of plaintext may be replaced before the end, and are held in memory. The
  // data key is not needed afterwards.
  Sealer(const DataKey& key, const EncryptionContext& context, Sink sink, uint64_t held_bytes = 0);
  // The most that finish() returns.
  static uint64_t head_bytes_max(uint64_t held_bytes);
  // Sends whole frames to the sink, and keeps the rest. Throws invalid above message_plain_max, and
  // what the sink throws: then the message cannot be finished.
  void write(base::ByteView plain);
  // Replaces the first bytes written, at most held_bytes of them.
  void replace_start(base::ByteView plain);
  // Sends the last frame, and gives what replaces the first bytes that were sent: the header and
  // the frames held back. Nothing for a message that was held back as a whole, which is sent now.
  // Once. Fills in the label's plain_bytes.
  base::Bytes finish(Label label);

  uint64_t plain_bytes() const { return plain_bytes_; }

 private:
  void send_frame(base::ByteView plain, bool last);
  void seal_held(bool all, base::Bytes& out);
  base::Bytes seal_header(Label label);

  MessageHeader header_;
  FrameSealer frames_;
  Sink sink_;
  uint64_t held_max_;    // whole frames
  base::Bytes held_;     // the start
  bool room_sent_;       // for header and held frames
  base::Bytes pending_;  // less than a frame, or a whole one that may be the last
  base::Bytes sealed_;   // room for the frame that is being sent
  uint64_t plain_bytes_ = 0;
  bool finished_ = false;
};

// The whole message at once.
base::Bytes seal(base::ByteView plain, const DataKey& key, const EncryptionContext& context,
                 const Label& label);

}  // namespace crypto
