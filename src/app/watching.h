// What the daemon does besides carrying policies out: it watches each of them, holds its weekly
// drill, pages for real once a month where the policy says so, and tells Prometheus.
//
// Shared by the loop, the rounds' threads and those of the HTTP server.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "app/carried_policy.h"
#include "app/watcher.h"

namespace app {

class Watching {
 public:
  Watching(std::string version, bool once) : version_(std::move(version)), once_(once) {}
  // They borrow this.
  DaemonPlugs plugs();

 private:
  // The last look at one policy.
  struct Seen {
    std::weak_ptr<const PolicyText> policy;  // gone when the policy is
    std::shared_ptr<const Look> look;
  };

  std::vector<schedule::Round> rounds(const std::shared_ptr<const PolicyText>& policy,
                                      const DaemonPlugs::OwnFindings& own_findings);
  schedule::Round watch_round(const std::shared_ptr<const PolicyText>& policy,
                              const DaemonPlugs::OwnFindings& own_findings);
  void note(const std::shared_ptr<const PolicyText>& policy, Look look);
  std::string metrics() const;

  const std::string version_;
  const bool once_;
  mutable std::mutex mutex_;
  std::map<base::Path, Seen> seen_;  // by the policy's file
};

}  // namespace app
