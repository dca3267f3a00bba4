// Prometheus's Alertmanager, API v2: one alert for each finding. It routes and groups by itself.
#include "app/alert_routes.h"
#include "app/secret.h"
#include "base/json.h"

namespace app {

using base::Json;
using monitor::AlertStep;

namespace {

// An alert ends by itself behind the time when it would have been told again: if nobody looks any
// more, Alertmanager shall not fire for ever.
base::Instant ends(const Bulletin& bulletin, const AlertItem& item) {
  if (item.step == AlertStep::resolved) return item.at;
  const bool daily = item.severity != monitor::Severity::critical;
  const base::Duration repeat =
      daily ? std::max<base::Duration>(bulletin.repeat_every, std::chrono::hours(24))
            : bulletin.repeat_every;
  return item.at + repeat + repeat / 4 + std::chrono::minutes(15);
}

Json alert(const Bulletin& bulletin, const AlertItem& item) {
  Json labels = {{"alertname", bulletin.test ? "SeawallTest" : "SeawallFinding"},
                 {"policy", bulletin.policy},
                 {"finding", item.key},
                 {"kind", item.key.substr(0, item.key.find(':'))}};
  // Not the severity: labels are an alert's identity, and one that gets worse is still the same.
  Json annotations = {{"summary", shortened(item.what, 4000)},
                      {"severity", monitor::name(item.severity)},
                      {"description", item.remedy},
                      {"loss_now", bulletin.exposure}};
  const std::string link = runbook_link(bulletin, item);
  if (!link.empty()) annotations["runbook_url"] = link;
  return {{"labels", std::move(labels)},
          {"annotations", std::move(annotations)},
          {"startsAt", base::to_rfc3339(item.begun)},
          {"endsAt", base::to_rfc3339(ends(bulletin, item))}};
}

class AlertmanagerRoute final : public AlertRoute {
 public:
  AlertmanagerRoute(const policy::Alertmanager& settings, net::HttpClient& http)
      : settings_(settings), http_(http) {}

  std::string name() const override { return "alertmanager"; }

  std::vector<Delivery> tell(const Bulletin& bulletin, std::stop_token stop) override {
    Json alerts = Json::array();
    for (const AlertItem& item : bulletin.items) alerts.push_back(alert(bulletin, item));
    return for_each_item(bulletin, delivered([&] {
                           std::string url = settings_.url;
                           while (url.ends_with('/')) url.pop_back();
                           Post message{
                               .who = "Alertmanager",
                               .url = url + "/api/v2/alerts",
                               .body = alerts.dump(-1, ' ', false, Json::error_handler_t::replace),
                               .headers = {}};
                           if (settings_.token) {
                             message.secret = read_secret(*settings_.token, "Alertmanager's token");
                             message.headers.add("Authorization", "Bearer " + message.secret);
                           }
                           post(http_, message, stop);
                         }));
  }

 private:
  const policy::Alertmanager settings_;
  net::HttpClient& http_;
};

}  // namespace

std::unique_ptr<AlertRoute> alertmanager_route(const policy::Alertmanager& alertmanager,
                                               net::HttpClient& http) {
  return std::make_unique<AlertmanagerRoute>(alertmanager, http);
}

}  // namespace app
