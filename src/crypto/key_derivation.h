// From a data key to the key of one message. docs/formats/envelope.md, "Keys".
#pragma once

#include "crypto/message_header.h"
#include "crypto/secret.h"

namespace crypto {

// What HKDF-SHA512 makes of a data key and a message id.
struct DerivedKeys {
  Wiped<32> key;            // of the message's header tag and frames
  Commitment commitment{};  // stands in the header
};

DerivedKeys derive_keys(Suite suite, const MessageId& id, const SecretKey& data_key);

// RFC 5869 with SHA-512 (the tests have its vectors for other hashes' structure).
void hkdf_sha512(base::ByteView salt, base::ByteView secret, base::ByteView info,
                 base::ByteSpan out);

}  // namespace crypto
