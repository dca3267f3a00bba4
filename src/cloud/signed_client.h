// A request signed and sent: what clients of S3, KMS and STS have in common.
#pragma once

#include <memory>

#include "cloud/credentials.h"
#include "cloud/signing.h"
#include "net/http_client.h"

namespace cloud {

// Safe to share between threads.
class SignedClient {
 public:
  SignedClient(SigningScope scope, std::shared_ptr<CredentialStore> credentials,
               std::shared_ptr<net::HttpClient> http,
               const base::Clock& clock = base::system_clock());

  // Signs and sends; `payload` as in signing.h. Where the answer says that the credentials have
  // ended, they are renewed and the request is sent once more, unless its body comes from a
  // `source`. Throws what HttpClient::send and CredentialStore::get throw; tries nothing again.
  net::Response send(net::Request request, const std::string& payload, std::stop_token stop);

  const SigningScope& scope() const { return scope_; }

 private:
  const SigningScope scope_;
  const std::shared_ptr<CredentialStore> credentials_;  // shared with all clients of the process
  const std::shared_ptr<net::HttpClient> http_;         // the same
  const base::Clock& clock_;
};

}  // namespace cloud
