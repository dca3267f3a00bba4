#include "app/look_log.h"

#include "base/log.h"

namespace app {

void LookLog::tell(const Look& look) {
  std::map<std::string, std::string> now;
  for (const monitor::Finding& finding : look.findings)
    now[finding.key] = fmt::format("{}: {}", monitor::name(finding.severity), finding.what);
  for (const auto& [key, text] : now)
    if (!known_.contains(key)) base::warn("{}", text);
  for (const auto& [key, text] : known_)
    if (!now.contains(key)) base::info("no longer: {}", text);
  if (look.only_in_memory != only_in_memory_ && !look.only_in_memory.empty())
    base::warn("what is told is remembered by this process only: {}", look.only_in_memory);
  only_in_memory_ = look.only_in_memory;
  base::info("looked: {} findings, {} open alerts, {} told{}", look.findings.size(),
             look.alerts.size(), look.told,
             look.untold.empty() ? "" : fmt::format(", {} not told", look.untold.size()));
  known_ = std::move(now);
}

}  // namespace app
