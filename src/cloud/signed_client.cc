#include "cloud/signed_client.h"

namespace cloud {

namespace {

bool says_expired(const net::Request& request, const net::Response& answer,
                  const Credentials& used) {
  if (answer.status != 400 && answer.status != 403) return false;
  // The answer to HEAD has no body to say why.
  if (request.method == "HEAD") return answer.status == 400 && used.expires.has_value();
  for (const std::string_view code : {"ExpiredToken", "TokenRefreshRequired", "RequestExpired"}) {
    if (answer.text().find(code) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

SignedClient::SignedClient(SigningScope scope, std::shared_ptr<CredentialStore> credentials,
                           std::shared_ptr<net::HttpClient> http, const base::Clock& clock)
    : scope_(std::move(scope)),
      credentials_(std::move(credentials)),
      http_(std::move(http)),
      clock_(clock) {}

net::Response SignedClient::send(net::Request request, const std::string& payload,
                                 std::stop_token stop) {
  for (int attempt = 1;; ++attempt) {
    const Credentials credentials = credentials_->get(stop);
    sign(request, payload, credentials, scope_, clock_.now());
    net::Response answer = http_->send(request, stop);
    if (attempt > 1 || request.source || !says_expired(request, answer, credentials)) return answer;
    credentials_->refuse(credentials);
  }
}

}  // namespace cloud
