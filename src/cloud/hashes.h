// The hashes that AWS's protocols are made of.
#pragma once

#include <array>
#include <string>

#include "base/bytes.h"

namespace cloud {

using Sha256Bytes = std::array<std::byte, 32>;

Sha256Bytes sha256(base::ByteView bytes);
Sha256Bytes hmac_sha256(base::ByteView key, base::ByteView message);  // RFC 2104
// For Content-MD5, which every S3 server verifies: against accidents, not against people.
std::string md5_base64(base::ByteView bytes);

std::string to_base64(base::ByteView bytes);  // with padding
// Throws corrupt.
base::Bytes from_base64(std::string_view text);

}  // namespace cloud
