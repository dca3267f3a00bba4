// What single values of a policy must be to each other. Pure functions.
#pragma once

#include <optional>
#include <string>

#include "policy/policy.h"

namespace policy {

// So many restore points may one tier promise to keep: the bound on every list made from a tier.
inline constexpr int64_t slots_kept_max = 50'000;

struct Trouble {
  std::string key;  // the tier's key that is wrong
  std::string message;
  std::string hint;
};

// Nothing when the tier's times fit each other: start_within <= finish_within <= period <= retain,
// and it keeps at most slots_kept_max.
std::optional<Trouble> trouble_with(const Tier& tier);

}  // namespace policy
