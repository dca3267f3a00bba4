#include "monitor/exposure.h"

#include "policy/duration.h"

namespace monitor {

Exposure exposure_of(const Status& status, const ServerFacts* facts) {
  Exposure exposure;
  for (const StatusRow& row : status.rows) {
    // Of the log a credential that may not open it knows when it was stored.
    const std::optional<base::Instant>& reach =
        row.layer == "pitr" && status.window_begins && !row.newest_restorable
            ? row.last_success
            : row.newest_restorable;
    if (reach && (!exposure.newest || *exposure.newest < *reach)) exposure.newest = reach;
  }
  exposure.nothing_newer =
      exposure.newest && facts != nullptr && facts->unreachable.empty() && facts->all_archived;
  return exposure;
}

std::optional<base::Duration> loss_now(const Exposure& exposure, base::Instant now) {
  if (!exposure.newest) return std::nullopt;
  if (exposure.nothing_newer || *exposure.newest > now) return base::Duration(0);
  return now - *exposure.newest;
}

std::string sentence(const Exposure& exposure, const std::optional<base::Duration>& objective,
                     base::Instant now) {
  const std::optional<base::Duration> loss = loss_now(exposure, now);
  if (!loss) return "Lost now, nothing of the database comes back.";
  std::string text =
      fmt::format("Lost now, the database comes back as of {}, {} ago",
                  base::to_rfc3339(std::chrono::floor<std::chrono::seconds>(*exposure.newest)),
                  base::human_duration(std::max(base::Duration(0), now - *exposure.newest)));
  if (exposure.nothing_newer) {
    text += ", and nothing was written since";
  } else if (objective) {
    text += fmt::format("; the objective is {}", policy::describe_duration(*objective));
  }
  return text + ".";
}

}  // namespace monitor
