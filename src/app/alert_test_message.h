// Sends through every route, so that one knows before the worst night that alerts arrive.
#pragma once

#include "app/alert_routes.h"

namespace app {

struct RouteTest {
  std::string route;
  Delivery delivery;
};

// A message that says it is a test, and for routes that keep alerts open, that it is over. `only`
// names one route; empty: all. Throws invalid when the policy has no such route, or none at all.
std::vector<RouteTest> test_routes(const policy::Policy& policy, const std::string& only,
                                   base::Instant now, std::stop_token stop);

}  // namespace app
