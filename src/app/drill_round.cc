#include "app/drill_round.h"

#include "app/drill_run.h"
#include "base/log.h"

namespace app {

namespace {

constexpr base::Duration again_after = std::chrono::minutes(30);
constexpr base::Duration grace = std::chrono::minutes(10);  // to clean up and to write down

}  // namespace

std::optional<schedule::Round> drill_round(std::shared_ptr<const PolicyText> policy) {
  const std::optional<policy::Drill>& drills = policy->policy.drill;
  if (!drills || !drills->weekly) return std::nullopt;
  const std::optional<policy::Encryption>& encryption = policy->policy.repository.encryption;
  if (encryption && encryption->index_cache) return std::nullopt;
  const auto work = [policy](base::Instant, const std::stop_token& stop) {
    Context context(policy->file, policy->policy);
    drill::Progress progress;
    const std::optional<repository::DrillRecord> record =
        run_due_drill(context, {}, progress, stop);
    if (!record) return;  // it was held, here or elsewhere
    if (record->passed) {
      base::info("{}: the drill {} passed", policy->policy.name, record->id);
    } else {
      base::alarm("{}: the drill {} failed: {}", policy->policy.name, record->id,
                  record->failure());
    }
  };
  return schedule::Round{.name = "weekly drill",
                         .when = *drills->weekly,
                         .work = work,
                         .catch_up = drills->finish_within,
                         .hangs_after = drills->finish_within + grace,
                         .retry_after = again_after};
}

}  // namespace app
