// Who we are towards AWS and what speaks as it does, kept fresh.
//
// default_credentials() asks, in this order: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, unless a
// profile was asked for; the profile's role_arn with source_profile, credential_source or
// web_identity_token_file; AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN; the profile's keys; its
// credential_process; the container's endpoint; the metadata of an EC2 instance (IMDSv2 only).
// Files and variables are read again at each renewal.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

#include "cloud/settings.h"
#include "cloud/signing.h"

namespace cloud {

// Credentials that are renewed before they end. Safe to share between threads, and meant to be
// shared by all clients of a process.
class CredentialStore {
 public:
  using Source = std::function<Credentials(std::stop_token)>;
  explicit CredentialStore(Source source, const base::Clock& clock = base::system_clock())
      : source_(std::move(source)), clock_(clock) {}

  // From 15 minutes before their end on (or half their life, where that is less) they are renewed,
  // at most once a minute; while that fails, the old ones serve to their end. Throws what the
  // source throws: denied where nobody has any, unavailable, invalid.
  Credentials get(std::stop_token stop);

  // A server says that `used` have ended: the next get() asks the source.
  void refuse(const Credentials& used);

 private:
  bool must_renew(base::Instant now) const;
  bool may_serve(base::Instant now) const;

  const Source source_;
  const base::Clock& clock_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<Credentials> current_;
  base::Instant loaded_at_;
  base::Instant tried_at_;
  bool refused_ = false;
  bool loading_ = false;
};

// The chain above. `http` serves for STS, and for what this host's own network offers.
std::shared_ptr<CredentialStore> default_credentials(
    const Environment& environment, const std::optional<std::string>& profile,
    std::shared_ptr<net::HttpClient> http, const base::Clock& clock = base::system_clock());

// Always the same.
std::shared_ptr<CredentialStore> fixed_credentials(Credentials credentials);

}  // namespace cloud
