// What the tests of this room share.
#pragma once

#include "crypto/key_derivation.h"
#include "crypto/local_key_file.h"
#include "crypto/open.h"
#include "crypto/seal.h"
#include "testing/dice.h"
#include "testing/errors.h"

namespace crypto {

inline const EncryptionContext& data_context() {
  static const EncryptionContext context = {
      {"repository", "000102030405060708090a0b0c0d0e0f"}, {"epoch", "0001"}, {"class", "data"}};
  return context;
}

inline LocalKeyFile new_key() {
  const base::TemporaryFolder folder;
  return LocalKeyFile::create(folder.path() / "key", base::Instant());
}

inline Label some_label(uint64_t plain_bytes) {
  Label label{.plain_bytes = plain_bytes};
  label.content.bytes.fill(std::byte{0xC0});
  label.name.bytes.fill(std::byte{0x4A});
  label.nonce.fill(std::byte{0x4E});
  return label;
}

inline base::Bytes sealed_by(KeyWrapper& keys, base::ByteView plain) {
  return seal(plain, keys.generate(data_context(), {}), data_context(), some_label(0));
}

// A message as the SDKs write them: any frame length, no label, an empty last frame if wanted.
inline base::Bytes foreign_message(const DataKey& key, const EncryptionContext& context,
                                   base::ByteView plain, uint32_t frame_bytes,
                                   bool empty_last = false) {
  MessageHeader header{.context = context, .keys = key.wrapped, .frame_bytes = frame_bytes};
  base::fill_random(header.id);
  const DerivedKeys derived = derive_keys(header.suite, header.id, key.plain);
  header.commitment = derived.commitment;
  FrameSealer sealer(derived.key.bytes, header.id);
  base::Bytes message = serialise_body(header);
  const GcmTag tag = sealer.seal_header(message);
  base::append(message, base::ByteView(tag));
  base::Bytes room(frame_bytes + last_frame_overhead);
  bool last = false;
  while (!last) {
    const base::ByteView piece = plain.first(std::min<size_t>(plain.size(), frame_bytes));
    plain = plain.subspan(piece.size());
    last = plain.empty() && !(empty_last && piece.size() == frame_bytes);
    const size_t size = sealer.seal_frame(piece, last, room);
    base::append(message, base::ByteView(room).first(size));
  }
  return message;
}

}  // namespace crypto
