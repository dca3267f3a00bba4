// A webhook of anybody's: one JSON text for each look, as docs/formats/alert_webhook.md says.
#include "app/alert_pagerduty.h"
#include "app/alert_routes.h"
#include "app/secret.h"

namespace app {

using base::Json;

namespace {

constexpr int format_version = 1;

Json to_json(const Bulletin& bulletin, const AlertItem& item) {
  return {{"id", dedup_key(bulletin.policy, fmt::format("{}/{}", item.key, item.number))},
          {"key", item.key},
          {"step", monitor::name(item.step)},
          {"severity", monitor::name(item.severity)},
          {"what", item.what},
          {"do", item.remedy},
          {"since", base::to_rfc3339(item.begun)},
          {"at", base::to_rfc3339(item.at)},
          {"runbook", runbook_link(bulletin, item)}};
}

class WebhookRoute final : public AlertRoute {
 public:
  WebhookRoute(const policy::Webhook& webhook, net::HttpClient& http)
      : webhook_(webhook), http_(http) {}

  std::string name() const override { return "webhook"; }

  std::vector<Delivery> tell(const Bulletin& bulletin, std::stop_token stop) override {
    Json alerts = Json::array();
    for (const AlertItem& item : bulletin.items) alerts.push_back(to_json(bulletin, item));
    const Json body = {{"version", format_version},     {"policy", bulletin.policy},
                       {"test", bulletin.test},         {"headline", headline(bulletin)},
                       {"loss_now", bulletin.exposure}, {"alerts", std::move(alerts)}};
    return for_each_item(bulletin, delivered([&] {
                           Post message{
                               .who = "the webhook",
                               .url = read_secret(webhook_.url, "the webhook's URL"),
                               .body = body.dump(-1, ' ', false, Json::error_handler_t::replace),
                               .headers = {}};
                           if (webhook_.token) {
                             message.secret = read_secret(*webhook_.token, "the webhook's token");
                             message.headers.add("Authorization", "Bearer " + message.secret);
                           }
                           post(http_, message, stop);
                         }));
  }

 private:
  const policy::Webhook webhook_;
  net::HttpClient& http_;
};

}  // namespace

std::unique_ptr<AlertRoute> webhook_route(const policy::Webhook& webhook, net::HttpClient& http) {
  return std::make_unique<WebhookRoute>(webhook, http);
}

}  // namespace app
