// The push sockets that the daemon's policies name, most often one. Belongs to the loop's thread,
// but for metrics(). What has to wait for pushes under way does so in a thread of its own.
#pragma once

#include "app/push_server.h"
#include "schedule/task.h"

namespace app {

class PushSockets {
 public:
  explicit PushSockets(const std::string& environment) : environment_(environment) {}

  // Listens where these policies want it, and for them. A socket that cannot be had is told once
  // and tried again at the next turn: `wal push` works by itself meanwhile.
  void carry(const std::vector<std::shared_ptr<const PolicyText>>& policies);
  // Takes no more, and asks the pushes under way to end.
  void close();
  // Whether none is open, and nothing is under way in those that were closed.
  bool closed() const;
  // Lines in Prometheus' format; any thread may ask.
  std::string metrics() const;

 private:
  using Policies = std::vector<std::shared_ptr<const PolicyText>>;
  using Server = std::shared_ptr<PushServer>;  // shared with the task that closes it
  void listen_at(const std::string& socket);
  void close_all_but(const std::map<std::string, Policies>& wanted);

  const std::string& environment_;
  Policies carried_;
  std::map<std::string, std::string> not_listening_;  // why, by socket
  std::vector<std::unique_ptr<schedule::Task>> closing_;
  mutable std::mutex mutex_;               // guards what follows
  std::map<std::string, Server> servers_;  // by socket; changed by the loop alone
  PushServer::Counts before_;              // of those that are closed
};

}  // namespace app
