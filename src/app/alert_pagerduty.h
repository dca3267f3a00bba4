// PagerDuty's Events API v2, shared by the route and the fire drill.
#pragma once

#include "app/alert_routes.h"
#include "base/json.h"

namespace app {

// At most 255 bytes, the same for all events of what one page is about.
std::string dedup_key(const std::string& policy, const std::string& group);

// Sends one event to /v2/enqueue or /v2/change/enqueue; the routing key is added. Throws as post().
base::Json send_event(const policy::PagerDuty& pagerduty, net::HttpClient& http,
                      const std::string& path, base::Json event, std::stop_token stop);

}  // namespace app
