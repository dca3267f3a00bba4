// The header of a message of the AWS Encryption SDK, format 2: docs/formats/envelope.md. Plain
// values: nothing here knows a key, so nothing here says that a header is true; open.h does.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "crypto/digest.h"

namespace crypto {

inline constexpr uint32_t envelope_format = 1;
inline constexpr uint32_t envelope_frame_bytes = 64 * base::KiB;  // as we write them
inline constexpr uint32_t envelope_header_bytes = 2048;           // as we write it, with its tag

inline constexpr uint32_t frame_bytes_max = 64 * base::MiB;    // of what we read: we hold one frame
inline constexpr size_t message_header_max = 256 * base::KiB;  // with its tag
inline constexpr size_t encrypted_data_keys_max = 16;

enum class Suite : uint16_t {
  committing = 0x0478,             // AES-256-GCM, HKDF-SHA512, key commitment: what we write
  committing_and_signed = 0x0578,  // and ECDSA P-384: what the SDKs write; only read
};

// What a data key is for, told to the key service and bound to the message. No secrets.
// std::string compares as unsigned bytes, so a map is in the order that the format wants.
using EncryptionContext = std::map<std::string, std::string>;

using MessageId = std::array<std::byte, 32>;
using Commitment = std::array<std::byte, 32>;
using GcmTag = std::array<std::byte, 16>;
using WriterNonce = std::array<std::byte, 16>;

// The data key, wrapped for one recipient. Fields are at most 65 535 bytes each.
struct EncryptedDataKey {
  std::string provider;  // UTF-8
  base::Bytes info;
  base::Bytes ciphertext;
  bool operator==(const EncryptedDataKey&) const = default;
};

// What is known of an object without its key: the entry that is no data key.
struct Label {
  Digest content;  // which content this is; zeros where that is not told
  Digest name;     // of the object that the message was sealed for
  WriterNonce nonce{};
  uint64_t plain_bytes = 0;
  bool operator==(const Label&) const = default;
};
inline constexpr std::string_view label_provider = "seawall";

struct MessageHeader {
  Suite suite = Suite::committing;
  MessageId id{};
  EncryptionContext context;
  std::vector<EncryptedDataKey> keys;  // with the label's entry, if there is one
  uint32_t frame_bytes = envelope_frame_bytes;
  Commitment commitment{};
  // Of a header that was read:
  base::Bytes body;  // as it was, for its tag is over these bytes
  GcmTag tag{};

  // With the tag: where the first frame begins.
  size_t stored_bytes() const { return body.size() + tag.size(); }
};

// The bytes of a context as in a header without their size, as key services' AAD: empty if it is.
base::Bytes serialise(const EncryptionContext& context);

// Throws invalid unless a message may be sealed with this context: no name of AWS's own
// ("aws-crypto-"), no empty name, not too large.
void require_usable(const EncryptionContext& context);

// The header without its tag. CHECKs the limits above, which whoever puts data keys in keeps.
base::Bytes serialise_body(const MessageHeader& header);

// Reads the header at the start of `bytes`. Nothing when `bytes` ends before the header does, so
// that a stream can wait for more. Throws corrupt; invalid for a format or suite that is not ours
// to read (format 1, no commitment, not framed).
std::optional<MessageHeader> parse_message_header(base::ByteView bytes);

// The label, or nothing in a message of others. Throws corrupt when it is not as format 1 says, or
// there are two; invalid when a newer seawall wrote it.
std::optional<Label> find_label(const MessageHeader& header);

// The entry for `label` that makes the header's body exactly `body_bytes` long, to be put behind
// the data keys of `header`. Throws invalid when the data keys leave no room for it.
EncryptedDataKey label_entry(const Label& label, const MessageHeader& header, size_t body_bytes);

// Throws corrupt unless each of `expected` is in the header's context, with this value: bytes of
// another repository or class, put in this one's place.
void require_context(const MessageHeader& header, const EncryptionContext& expected);

// The data keys' holders, for a message that none of our keys opens: "aws-kms arn:...".
std::string describe_recipients(const std::vector<EncryptedDataKey>& keys);

}  // namespace crypto
