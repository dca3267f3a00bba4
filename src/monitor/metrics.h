// What is known of the backups, for Prometheus. docs/guide/metrics.md lists the names.
#pragma once

#include <span>

#include "monitor/server.h"
#include "monitor/status.h"

namespace monitor {

// One policy's, as of its last look. What is borrowed may be null: the repository could not be
// judged then.
struct PolicyMetrics {
  std::string policy;
  base::Instant looked;
  const Status* status = nullptr;
  const Catalog* catalog = nullptr;
  const ServerFacts* server = nullptr;
  std::vector<Finding> findings;
  size_t alerts_open = 0;
  std::optional<base::Duration> loss_now;
  std::optional<base::Duration> rpo_objective;
};

// In the text format 0.0.4, without timestamps: as of `now`. Without a `version` it says nothing of
// the program, for who has said that already.
std::string print_metrics(std::span<const PolicyMetrics> policies, std::string_view version,
                          base::Instant now);

inline constexpr const char* metrics_content_type = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace monitor
