// The routes by which people are told: Slack, PagerDuty, Alertmanager, a webhook, e-mail. Each is a
// file alert_<route>.cc; docs/guide/alerts.md is the user's page of the same.
//
// A route belongs to one thread at a time. It reads its secret when it tells, so that a new one is
// taken up, and no message of its holds any of it. An attempt takes half a minute at most, and what
// fails is an answer: the next look tries again.
#pragma once

#include <memory>

#include "app/alert_text.h"
#include "net/http_client.h"
#include "policy/policy.h"

namespace app {

struct Delivery {
  bool told = false;
  std::string why;         // not
  bool permanent = false;  // as it is it will never be
};

struct AlertRoute {
  virtual ~AlertRoute() = default;
  virtual std::string name() const = 0;
  virtual monitor::Severity least() const { return monitor::Severity::warning; }
  // One answer for each item. Throws cancelled.
  virtual std::vector<Delivery> tell(const Bulletin& bulletin, std::stop_token stop) = 0;
  // What of what went well it wants to know.
  virtual policy::SuccessNews news() const { return policy::SuccessNews::never; }
  virtual Delivery tell_news(const News& news, std::stop_token stop);
  monitor::RouteRule rule() const { return {name(), least()}; }
};

using AlertRoutes = std::vector<std::unique_ptr<AlertRoute>>;

// Those that the policy has, in a fixed order. `http` and the policy outlive them.
AlertRoutes make_routes(const policy::Policy& policy, net::HttpClient& http);

// One JSON text to a service that is told something. `who` names it in messages.
struct Post {
  std::string who;
  std::string url;  // may be a secret
  std::string body;
  net::Headers headers;
  std::string secret = {};  // that an answer may repeat, and no message shall; empty: the URL
};
// Tries three times within 25 seconds, and waits as long as the service asks for if that is within
// it. Returns an answer that is ok(). Throws invalid or denied for answers that will not change
// (4xx), unavailable for the rest, cancelled.
net::Response post(net::HttpClient& http, const Post& post, std::stop_token stop);

// Runs `work`; what it throws, but a stop, is the answer.
Delivery delivered(const std::function<void()>& work);
std::vector<Delivery> for_each_item(const Bulletin& bulletin, const Delivery& delivery);

std::unique_ptr<AlertRoute> slack_route(const policy::Slack& slack, net::HttpClient& http);
std::unique_ptr<AlertRoute> pagerduty_route(const policy::PagerDuty& pagerduty,
                                            net::HttpClient& http);
std::unique_ptr<AlertRoute> alertmanager_route(const policy::Alertmanager& alertmanager,
                                               net::HttpClient& http);
std::unique_ptr<AlertRoute> webhook_route(const policy::Webhook& webhook, net::HttpClient& http);
std::unique_ptr<AlertRoute> email_route(const policy::Email& email, const std::string& ca_file);

}  // namespace app
