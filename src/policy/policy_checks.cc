#include "policy/policy_checks.h"

#include "policy/duration.h"

namespace policy {

std::optional<Trouble> trouble_with(const Tier& tier) {
  const base::Duration between = period(tier.cadence);
  if (tier.retain < between) {
    return Trouble{
        "retain",
        fmt::format("the retention of {} is shorter than the {} from one slot to the next",
                    describe_duration(tier.retain), describe_duration(between)),
        fmt::format("keep for at least {}", print_duration(between))};
  }
  if (tier.retain / between > slots_kept_max) {
    return Trouble{
        "retain",
        fmt::format("{} at this cadence would keep {} restore points, more than {}",
                    describe_duration(tier.retain), tier.retain / between, slots_kept_max),
        "keep for less time, or less often"};
  }
  if (tier.finish_within > between) {
    return Trouble{"finish_within",
                   fmt::format("{} to finish is longer than the {} from one slot to the next",
                               describe_duration(tier.finish_within), describe_duration(between)),
                   fmt::format("allow at most {}", print_duration(between))};
  }
  if (tier.start_within > tier.finish_within) {
    return Trouble{
        "start_within",
        fmt::format("{} to start is longer than the {} to finish",
                    describe_duration(tier.start_within), describe_duration(tier.finish_within)),
        fmt::format("allow at most {}", print_duration(tier.finish_within))};
  }
  return std::nullopt;
}

}  // namespace policy
