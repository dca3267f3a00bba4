// AWS Signature Version 4, in the Authorization header: who sends a request, and that nothing of it
// was changed.
#pragma once

#include <optional>
#include <string>

#include "base/time.h"
#include "net/http_client.h"

namespace cloud {

// What proves who we are. Never printed.
struct Credentials {
  std::string access_key;
  std::string secret_key;
  std::string session_token;             // empty for those of a user
  std::optional<base::Instant> expires;  // nothing: never
  bool operator==(const Credentials&) const = default;
};

struct SigningScope {
  std::string region;   // "eu-central-1"
  std::string service;  // "s3", "kms", "sts"
};

inline constexpr const char* unsigned_payload = "UNSIGNED-PAYLOAD";

// The SHA-256 of a body as signing wants it.
std::string payload_hash(base::ByteView body);

// Adds X-Amz-Date, X-Amz-Security-Token where there is one, for S3 X-Amz-Content-Sha256, and
// Authorization, in place of any that are there: a request may be signed again. All headers that
// are there already are signed, but those that a proxy may change. `payload` is payload_hash() of
// the body, or unsigned_payload (S3 only).
void sign(net::Request& request, const std::string& payload, const Credentials& credentials,
          const SigningScope& scope, base::Instant now);

}  // namespace cloud
