// The daemon's side of the push socket: files that PostgreSQL asks to archive, stored by a
// repository that is open already. docs/formats/push_socket.md.
//
// The loop says which policies are carried out; connections have threads of their own.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "app/daemon_rounds.h"
#include "app/push_protocol.h"
#include "net/local_socket.h"

namespace app {

// A repository that stays open between pushes, for one version of a policy. Safe to share between
// threads.
class OpenForPushes {
 public:
  explicit OpenForPushes(std::shared_ptr<const PolicyText> policy) : policy_(std::move(policy)) {}
  const PolicyText& policy() const { return *policy_; }
  // Blocks until it is durable. Throws what layers::push_wal throws.
  void push(const base::Path& file, const std::stop_token& stop);

 private:
  struct Opened;
  std::shared_ptr<Opened> opened(const std::stop_token& stop);

  std::shared_ptr<const PolicyText> policy_;  // shared with the loop
  std::mutex mutex_;                          // guards what follows
  std::shared_ptr<Opened> opened_;            // shared with the pushes under way
};

class PushServer {
 public:
  struct Counts {
    uint64_t stored = 0, failed = 0, declined = 0;
  };
  // `environment` is the text of the environment file as this process has read it. Throws what
  // net::LocalServer throws.
  PushServer(base::Path socket, std::string environment);

  // Those whose pushes are taken from now on. What is under way goes on.
  void carry(const std::vector<std::shared_ptr<const PolicyText>>& policies);
  Counts counts() const;

 private:
  using Known = std::shared_ptr<OpenForPushes>;  // shared with the pushes under way
  void serve(net::LocalConnection& connection, const std::stop_token& stop);
  void note_failure(const OpenForPushes& known, const base::Error& failure);
  // Nothing, and why, for what is not taken.
  Known find(const net::LocalConnection& connection, const PushRequest& request,
             std::string& why) const;

  std::string environment_;
  std::atomic<uint64_t> stored_{0}, failed_{0}, declined_{0};
  mutable std::mutex mutex_;            // guards what follows
  std::map<std::string, Known> known_;  // by the digest of what the client must mean
  std::string told_;                    // the last failure, told once
  net::LocalServer server_;             // last: it calls us
};

}  // namespace app
