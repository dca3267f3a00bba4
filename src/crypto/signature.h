// The signature of messages that the SDKs write by default (suite 0x0578): ECDSA on P-384 with
// SHA-384. Only verified: whoever may write a repository is trusted by its readers, and a signature
// by a key that stands in the message adds nothing to that.
#pragma once

#include <memory>
#include <string_view>

#include "base/bytes.h"

struct evp_md_ctx_st;
struct evp_pkey_st;

namespace crypto {

// Takes the message as it comes, then the signature. Belongs to one thread.
class SignatureVerifier {
 public:
  // The key as "aws-crypto-public-key" has it: base64 of a compressed point. Throws corrupt.
  explicit SignatureVerifier(std::string_view public_key);
  void update(base::ByteView message);
  // Whether `signature`, DER, is that of all that was taken. Once.
  bool verify(base::ByteView signature);

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
    void operator()(evp_pkey_st* key) const;
  };
  std::unique_ptr<evp_pkey_st, Free> key_;
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace crypto
