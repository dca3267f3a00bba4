// Slack's incoming webhooks: one message for each look, as text and as blocks.
#include "app/alert_routes.h"
#include "app/secret.h"
#include "base/json.h"

namespace app {

using base::Json;
using monitor::AlertStep;

namespace {

constexpr size_t header_bytes_max = 150;
constexpr size_t section_bytes_max = 3000;
constexpr size_t text_bytes_max = 8000;
constexpr size_t items_max = 20;  // of 50 blocks

// What Slack would take for a mention, a link or an entity.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else {
      out += c;
    }
  }
  return out;
}

Json section(const std::string& text) {
  return {{"type", "section"},
          {"text", {{"type", "mrkdwn"}, {"text", shortened(text, section_bytes_max)}}}};
}

Json head(const std::string& text) {
  return {{"type", "header"},
          {"text", {{"type", "plain_text"}, {"text", shortened(text, header_bytes_max)}}}};
}

Json context(const std::string& text) {
  Json element = {{"type", "mrkdwn"}, {"text", shortened(escaped(text), section_bytes_max)}};
  return {{"type", "context"}, {"elements", Json::array({std::move(element)})}};
}

std::string item_text(const Bulletin& bulletin, const AlertItem& item) {
  std::string text =
      fmt::format("*{}*\n{}", escaped(shortened(item_title(item), 1500)), duration_line(item));
  if (item.step == AlertStep::resolved) return text;
  text += fmt::format("\nDo: `{}`", escaped(shortened(item.remedy, 800)));
  const std::string link = runbook_link(bulletin, item);
  if (!link.empty()) text += fmt::format("\n<{}|Runbook: {}>", link, escaped(item.section));
  return text;
}

class SlackRoute final : public AlertRoute {
 public:
  SlackRoute(const policy::Slack& slack, net::HttpClient& http) : slack_(slack), http_(http) {}

  std::string name() const override { return "slack"; }
  policy::SuccessNews news() const override { return slack_.success; }

  std::vector<Delivery> tell(const Bulletin& bulletin, std::stop_token stop) override {
    Json blocks = Json::array({head(headline(bulletin))});
    if (bulletin.test) blocks.push_back(context("A test of the route: nothing is wrong."));
    for (size_t i = 0; i < std::min(bulletin.items.size(), items_max); ++i)
      blocks.push_back(section(item_text(bulletin, bulletin.items[i])));
    if (bulletin.items.size() > items_max) {
      blocks.push_back(context(
          fmt::format("and {} more: seawall alert list", bulletin.items.size() - items_max)));
    }
    if (!bulletin.exposure.empty()) blocks.push_back(context(bulletin.exposure));
    return for_each_item(bulletin, send(headline(bulletin), std::move(blocks), stop));
  }

  Delivery tell_news(const News& news, std::stop_token stop) override {
    std::string text;
    for (const std::string& line : news.lines) text += escaped(line) + "\n";
    Json blocks = Json::array({head(news.policy + ": " + news.headline)});
    if (!text.empty()) blocks.push_back(section(text));
    return send(news.policy + ": " + news.headline, std::move(blocks), stop);
  }

 private:
  Delivery send(const std::string& text, Json blocks, const std::stop_token& stop) {
    return delivered([&] {
      const Json body = {{"text", escaped(shortened(text, text_bytes_max))},
                         {"blocks", std::move(blocks)}};
      post(http_,
           {.who = "Slack",
            .url = read_secret(slack_.webhook, "Slack's webhook"),
            .body = body.dump(-1, ' ', false, Json::error_handler_t::replace),
            .headers = {}},
           stop);
    });
  }

  const policy::Slack slack_;
  net::HttpClient& http_;
};

}  // namespace

std::unique_ptr<AlertRoute> slack_route(const policy::Slack& slack, net::HttpClient& http) {
  return std::make_unique<SlackRoute>(slack, http);
}

}  // namespace app
