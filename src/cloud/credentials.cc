#include "cloud/credentials.h"

#include "base/error.h"
#include "base/log.h"

namespace cloud {

namespace {
constexpr base::Duration renew_before = std::chrono::minutes(15);
constexpr base::Duration between_tries = std::chrono::minutes(1);
}  // namespace

bool CredentialStore::may_serve(base::Instant now) const {
  return current_ && !refused_ && (!current_->expires || now < *current_->expires);
}

bool CredentialStore::must_renew(base::Instant now) const {
  if (!may_serve(now)) return true;
  if (!current_->expires) return false;
  const base::Duration life = *current_->expires - loaded_at_;
  return now >= *current_->expires - std::min(renew_before, life / 2) &&
         now >= tried_at_ + between_tries;
}

Credentials CredentialStore::get(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  for (;;) {
    const base::Instant now = clock_.now();
    if (!must_renew(now) || (loading_ && may_serve(now))) return *current_;
    if (!loading_) break;
    if (!changed_.wait(lock, stop, [&] { return !loading_; }))
      throw base::Error(base::ErrorKind::cancelled, "stopped");
  }
  loading_ = true;
  tried_at_ = clock_.now();
  lock.unlock();
  std::optional<Credentials> loaded;
  std::exception_ptr failure;
  try {
    loaded = source_(stop);
  } catch (...) {
    failure = std::current_exception();  // the old ones may do, and others must be woken
  }
  lock.lock();
  loading_ = false;
  changed_.notify_all();
  if (loaded) {
    current_ = std::move(loaded);
    loaded_at_ = tried_at_;
    refused_ = false;
  } else if (!may_serve(clock_.now())) {
    std::rethrow_exception(failure);
  } else {
    base::warn("credentials could not be renewed; those at hand serve until {}",
               base::to_rfc3339(*current_->expires));
  }
  return *current_;
}

void CredentialStore::refuse(const Credentials& used) {
  const std::lock_guard lock(mutex_);
  if (current_ && *current_ == used) refused_ = true;
}

std::shared_ptr<CredentialStore> fixed_credentials(Credentials credentials) {
  return std::make_shared<CredentialStore>(
      [credentials = std::move(credentials)](std::stop_token) { return credentials; });
}

}  // namespace cloud
