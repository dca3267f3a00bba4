#include "app/alert_pagerduty.h"

#include <algorithm>
#include <map>

#include "app/secret.h"
#include "base/error.h"

namespace app {

using base::Json;
using monitor::AlertStep;
using monitor::Severity;

namespace {

constexpr size_t summary_bytes_max = 1024;
constexpr size_t dedup_bytes_max = 255;
constexpr size_t findings_max = 20;  // in custom_details: an event is at most 512 KB
constexpr const char* events = "/v2/enqueue";
constexpr const char* changes = "/v2/change/enqueue";

Json details(const Bulletin& bulletin, const std::vector<const AlertItem*>& items) {
  Json findings = Json::array();
  for (size_t i = 0; i < std::min(items.size(), findings_max); ++i) {
    findings.push_back({{"key", items[i]->key},
                        {"severity", monitor::name(items[i]->severity)},
                        {"what", shortened(items[i]->what, 4000)},
                        {"since", base::to_rfc3339(items[i]->begun)},
                        {"do", shortened(items[i]->remedy, 4000)}});
  }
  return {{"policy", bulletin.policy}, {"loss_now", bulletin.exposure}, {"findings", findings}};
}

class PagerDutyRoute final : public AlertRoute {
 public:
  PagerDutyRoute(const policy::PagerDuty& pagerduty, net::HttpClient& http)
      : pagerduty_(pagerduty), http_(http) {}

  std::string name() const override { return "pagerduty"; }
  Severity least() const override { return Severity::critical; }  // it wakes somebody
  policy::SuccessNews news() const override {
    return pagerduty_.changes ? policy::SuccessNews::each : policy::SuccessNews::never;
  }

  // One event for each group: what one look found of one kind is one page.
  std::vector<Delivery> tell(const Bulletin& bulletin, std::stop_token stop) override {
    std::vector<Delivery> answers(bulletin.items.size());
    std::map<std::string, std::vector<size_t>> raised;
    for (size_t i = 0; i < bulletin.items.size(); ++i) {
      const AlertItem& item = bulletin.items[i];
      if (item.step != AlertStep::resolved) {
        raised[item.group].push_back(i);
      } else if (item.group_open) {
        answers[i].told = true;  // the page is about others, too, which are not mended
      } else {
        answers[i] = resolve(bulletin, item.group, stop);
      }
    }
    for (const auto& [group, numbers] : raised) {
      std::vector<const AlertItem*> items;
      for (const size_t i : numbers) items.push_back(&bulletin.items[i]);
      const Delivery answer = raise(bulletin, group, items, stop);
      for (const size_t i : numbers) answers[i] = answer;
    }
    return answers;
  }

  Delivery tell_news(const News& news, std::stop_token stop) override {
    const Json event = {
        {"payload",
         {{"summary", shortened(news.policy + ": " + news.headline, summary_bytes_max)},
          {"source", "seawall/" + news.policy},
          {"timestamp", base::to_rfc3339(news.at)},
          {"custom_details", {{"run", news.key}, {"lines", news.lines}}}}}};
    return delivered([&] { send_event(pagerduty_, http_, changes, event, stop); });
  }

 private:
  Delivery raise(const Bulletin& bulletin, const std::string& group,
                 const std::vector<const AlertItem*>& items, const std::stop_token& stop) {
    const AlertItem& worst =
        **std::ranges::max_element(items, {}, [](const AlertItem* item) { return item->severity; });
    std::string summary = fmt::format("{}{}: {}", bulletin.test ? "TEST, nothing is wrong: " : "",
                                      bulletin.policy, worst.what);
    if (items.size() > 1) summary += fmt::format(" (and {} more)", items.size() - 1);
    Json event = {{"event_action", "trigger"},
                  {"dedup_key", dedup_key(bulletin.policy, group)},
                  {"payload",
                   {{"summary", shortened(summary, summary_bytes_max)},
                    {"source", "seawall/" + bulletin.policy},
                    {"severity", monitor::name(worst.severity)},
                    {"timestamp", base::to_rfc3339(worst.begun)},
                    {"component", "backups"},
                    {"group", bulletin.policy},
                    {"class", worst.key.substr(0, worst.key.find(':'))},
                    {"custom_details", details(bulletin, items)}}},
                  {"client", "seawall"}};
    const std::string link = runbook_link(bulletin, worst);
    if (!link.empty()) {
      Json runbook = {{"href", link}, {"text", "Runbook: " + worst.section}};
      event["links"] = Json::array({std::move(runbook)});
    }
    return delivered([&] { send_event(pagerduty_, http_, events, event, stop); });
  }

  Delivery resolve(const Bulletin& bulletin, const std::string& group,
                   const std::stop_token& stop) {
    const Json event = {{"event_action", "resolve"},
                        {"dedup_key", dedup_key(bulletin.policy, group)}};
    return delivered([&] { send_event(pagerduty_, http_, events, event, stop); });
  }

  const policy::PagerDuty pagerduty_;
  net::HttpClient& http_;
};

}  // namespace

std::string dedup_key(const std::string& policy, const std::string& group) {
  const std::string key = fmt::format("seawall/{}/{}", policy, group);
  return key.size() <= dedup_bytes_max ? key : key.substr(0, dedup_bytes_max);
}

Json send_event(const policy::PagerDuty& pagerduty, net::HttpClient& http, const std::string& path,
                Json event, std::stop_token stop) {
  const std::string key = read_secret(pagerduty.routing_key, "PagerDuty's routing key");
  event["routing_key"] = key;
  const net::Response answer =
      post(http,
           {.who = "PagerDuty",
            .url = pagerduty.endpoint + path,
            .body = event.dump(-1, ' ', false, Json::error_handler_t::replace),
            .headers = {},
            .secret = key},
           stop);
  return Json::parse(answer.text(), nullptr, false);
}

std::unique_ptr<AlertRoute> pagerduty_route(const policy::PagerDuty& pagerduty,
                                            net::HttpClient& http) {
  return std::make_unique<PagerDutyRoute>(pagerduty, http);
}

}  // namespace app
