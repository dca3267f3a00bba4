// Is everything the policy needs reachable, permitted and configured? Each answer comes with the
// statement or line that mends it.
#pragma once

#include "app/context.h"

namespace app {

enum class CheckResult { good, warning, problem };
std::string_view name(CheckResult result);

struct CheckItem {
  std::string subject;  // "archive_mode"
  CheckResult result;
  std::string what;  // what was found
  std::string mend;  // what to type; empty when good
};

// Asks everything, whatever is wrong in between; throws only what is thrown by a broken policy.
std::vector<CheckItem> check(Context& context, std::stop_token stop);

}  // namespace app
