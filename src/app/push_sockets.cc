#include "app/push_sockets.h"

#include <algorithm>

#include "base/log.h"

namespace app {

using base::Error;
using base::ErrorKind;

namespace {

void add(PushServer::Counts& sum, const PushServer::Counts& more) {
  sum.stored += more.stored;
  sum.failed += more.failed;
  sum.declined += more.declined;
}

}  // namespace

void PushSockets::carry(const Policies& policies) {
  std::erase_if(closing_, [](const auto& task) { return task->ended(); });
  std::map<std::string, Policies> wanted;
  for (const auto& policy : policies) {
    if (policy->policy.layers.pitr) wanted[policy->policy.run.socket].push_back(policy);
  }
  close_all_but(wanted);
  bool changed = policies != carried_;
  for (const auto& [socket, of_it] : wanted) {
    if (servers_.contains(socket)) continue;
    listen_at(socket);
    changed = true;
  }
  if (!changed) return;
  carried_ = policies;
  for (const auto& [socket, of_it] : wanted) {
    if (const auto server = servers_.find(socket); server != servers_.end())
      server->second->carry(of_it);
  }
}

void PushSockets::listen_at(const std::string& socket) {
  try {
    auto server = std::make_shared<PushServer>(socket, environment_);
    base::info("wal push is served at {}", socket);
    not_listening_.erase(socket);
    const std::lock_guard lock(mutex_);
    servers_[socket] = std::move(server);
  } catch (const Error& failure) {
    std::string& why = not_listening_[socket];
    if (why == failure.message()) return;
    why = failure.message();
    // Without systemd nobody makes /run/seawall, and another daemon of this host may serve there.
    const bool usual = failure.kind() == ErrorKind::absent || failure.kind() == ErrorKind::conflict;
    if (usual) {
      base::info("{}; wal push works by itself", why);
    } else {
      base::warn("{}; wal push works by itself", why);
    }
  }
}

void PushSockets::close_all_but(const std::map<std::string, Policies>& wanted) {
  const std::lock_guard lock(mutex_);
  std::erase_if(servers_, [&](auto& server) {
    if (wanted.contains(server.first)) return false;
    add(before_, server.second->counts());
    closing_.push_back(std::make_unique<schedule::Task>(
        [closed = std::move(server.second)](const std::stop_token&) mutable { closed.reset(); }));
    return true;
  });
}

void PushSockets::close() { close_all_but({}); }

bool PushSockets::closed() const {
  return servers_.empty() &&
         std::ranges::all_of(closing_, [](const auto& task) { return task->ended(); });
}

std::string PushSockets::metrics() const {
  PushServer::Counts counts;
  {
    const std::lock_guard lock(mutex_);
    counts = before_;
    for (const auto& [socket, server] : servers_) add(counts, server->counts());
  }
  return fmt::format(
      "# HELP seawall_daemon_pushes_total Files that wal push asked this daemon to archive.\n"
      "# TYPE seawall_daemon_pushes_total counter\n"
      "seawall_daemon_pushes_total{{outcome=\"stored\"}} {}\n"
      "seawall_daemon_pushes_total{{outcome=\"failed\"}} {}\n"
      "seawall_daemon_pushes_total{{outcome=\"declined\"}} {}\n",
      counts.stored, counts.failed, counts.declined);
}

}  // namespace app
