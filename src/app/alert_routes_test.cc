#include "app/alert_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/json.h"
#include "testing/http_server.h"

namespace app {
namespace {

using base::Json;
using monitor::AlertStep;
using monitor::Severity;
using testing::AllOf;
using testing::HasSubstr;
using testing::HttpAnswer;
using testing::HttpRequest;
using testing::HttpServer;
using testing::Not;
using testing::SizeIs;

const base::Instant now = base::from_rfc3339("2026-11-22T23:00:00Z");
constexpr const char* secret = "T0SECRET/B0SECRET";

AlertItem item(const std::string& key, const std::string& group, AlertStep step = AlertStep::opened,
               Severity severity = Severity::critical) {
  return {.key = key,
          .number = 1,
          .group = group,
          .group_open = step != AlertStep::resolved,
          .step = step,
          .severity = severity,
          .what = "dumps nightly: the run due at 2026-11-22T19:30:00Z was missed <&>",
          .remedy = "seawall backup dumps --tier nightly",
          .section = "missed-run",
          .begun = now - std::chrono::minutes(210),
          .at = now};
}

Bulletin bulletin(std::vector<AlertItem> items) {
  return {.policy = "shop",
          .exposure = "Lost now, the database comes back as of then.",
          .runbooks = "https://wiki.example.net/runbooks",
          .repeat_every = std::chrono::hours(4),
          .test = false,
          .items = std::move(items)};
}

// A service that answers as it is told, and the routes that lead there.
struct Service {
  std::function<HttpAnswer(int)> answer = [](int) { return HttpAnswer{.body = "ok"}; };
  int asked = 0;
  HttpServer server{[this](const HttpRequest&) { return answer(++asked); }};
  net::HttpClient http{{.ca_file = {}, .timeouts = {}}};

  policy::SecretSource in_variable(const std::string& value) {
    setenv("SEAWALL_TEST_SECRET", value.c_str(), 1);
    return {policy::SecretSource::Kind::environment, "SEAWALL_TEST_SECRET"};
  }
  std::unique_ptr<AlertRoute> slack() {
    return slack_route(
        {.webhook = in_variable(server.url() + "/services/" + secret), .channel = "#ops"}, http);
  }
  std::unique_ptr<AlertRoute> pagerduty() {
    return pagerduty_route({.routing_key = in_variable("R0SECRET"),
                            .rest_token = {},
                            .endpoint = server.url(),
                            .rest_endpoint = server.url()},
                           http);
  }
  Json body(size_t number) const { return Json::parse(server.requests().at(number).body); }
};

Delivery tell_one(AlertRoute& route) {
  const std::vector<Delivery> answers = route.tell(bulletin({item("missed:a", "g")}), {});
  EXPECT_THAT(answers, SizeIs(1));
  return answers.at(0);
}

TEST(SlackRoute, says_what_since_when_what_it_means_what_to_do_and_where_to_read) {
  Service service;
  EXPECT_TRUE(tell_one(*service.slack()).told);
  const std::string text = service.body(0).dump();
  EXPECT_EQ(service.server.requests()[0].path(), std::string("/services/") + secret);
  EXPECT_THAT(text, HasSubstr("was missed &lt;&amp;&gt;")) << "Slack would take it for a link";
  EXPECT_THAT(text, HasSubstr("since 2026-11-22T19:30:00Z, for 3 h 30 min"));
  EXPECT_THAT(text, HasSubstr("seawall backup dumps --tier nightly"));
  EXPECT_THAT(text, HasSubstr("https://wiki.example.net/runbooks/incident.md#missed-run"));
  EXPECT_THAT(text, HasSubstr("Lost now"));
}

TEST(SlackRoute, keeps_to_what_slack_takes_however_much_there_is_to_say) {
  Service service;
  std::vector<AlertItem> items(60, item("missed:a", "g"));
  for (AlertItem& one : items) one.what = std::string(5000, 'x') + "\xC3\xBC\xFF";
  const std::vector<Delivery> answers = service.slack()->tell(bulletin(items), {});
  EXPECT_THAT(answers, SizeIs(60));
  const Json body = service.body(0);
  EXPECT_LE(body["blocks"].size(), 50u);
  for (const Json& block : body["blocks"]) {
    if (!block.contains("text")) continue;
    const size_t size = block["text"]["text"].get<std::string>().size();
    EXPECT_LE(size, block["type"] == "header" ? 150u : 3000u);
  }
}

TEST(SlackRoute, comes_back_when_it_is_told_to) {
  Service service;
  service.answer = [](int number) {
    return number == 1 ? HttpAnswer{.status = 429, .headers = {{"Retry-After", "1"}}}
                       : HttpAnswer{.body = "ok"};
  };
  const base::Stopwatch watch;
  EXPECT_TRUE(tell_one(*service.slack()).told);
  EXPECT_GE(watch.elapsed(), std::chrono::milliseconds(900));
  EXPECT_EQ(service.asked, 2);
}

TEST(SlackRoute, tries_three_times_what_may_pass_and_tells_no_secret) {
  Service service;
  service.answer = [](int) {
    return HttpAnswer{.status = 500, .body = std::string("no such hook services/") + secret};
  };
  const Delivery answer = tell_one(*service.slack());
  EXPECT_FALSE(answer.told);
  EXPECT_FALSE(answer.permanent);
  EXPECT_EQ(service.asked, 3);
  EXPECT_THAT(answer.why, AllOf(HasSubstr("Slack answers 500"), HasSubstr("no such hook"),
                                Not(HasSubstr("B0SECRET"))));
}

TEST(SlackRoute, a_refusal_is_final_and_asked_once) {
  Service service;
  service.answer = [](int) { return HttpAnswer{.status = 404, .body = "channel_not_found"}; };
  const Delivery answer = tell_one(*service.slack());
  EXPECT_TRUE(answer.permanent);
  EXPECT_EQ(service.asked, 1);
  EXPECT_THAT(answer.why, HasSubstr("channel_not_found"));
}

TEST(SlackRoute, a_connection_that_is_reset_tells_no_secret_either) {
  Service service;
  service.answer = [](int) { return HttpAnswer{.fault = HttpAnswer::Fault::reset}; };
  const Delivery answer = tell_one(*service.slack());
  EXPECT_FALSE(answer.told);
  EXPECT_THAT(answer.why, AllOf(HasSubstr("127.0.0.1"), Not(HasSubstr("SECRET"))));
}

TEST(SlackRoute, what_repeats_the_url_is_not_repeated) {
  Service service;
  service.answer = [&](int) {
    return HttpAnswer{.status = 400, .body = service.server.url() + "/services/" + secret};
  };
  EXPECT_THAT(tell_one(*service.slack()).why, Not(HasSubstr("SECRET")));
}

TEST(SlackRoute, without_its_secret_it_says_where_it_should_be) {
  Service service;
  const std::unique_ptr<AlertRoute> route = service.slack();
  unsetenv("SEAWALL_TEST_SECRET");
  const Delivery answer = tell_one(*route);
  EXPECT_TRUE(answer.permanent);
  EXPECT_THAT(answer.why, HasSubstr("SEAWALL_TEST_SECRET is not set"));
}

TEST(PagerDutyRoute, makes_one_page_of_what_is_one_trouble) {
  Service service;
  service.answer = [](int) {
    return HttpAnswer{.status = 202, .body = "{\"status\":\"success\"}"};
  };
  const std::vector<Delivery> answers = service.pagerduty()->tell(
      bulletin({item("missed:a", "missed:a/1"), item("missed:b", "missed:a/1"),
                item("wal:hole", "wal:hole/1")}),
      {});
  EXPECT_THAT(answers, SizeIs(3));
  for (const Delivery& answer : answers) EXPECT_TRUE(answer.told);
  ASSERT_THAT(service.server.requests(), SizeIs(2));
  const Json event = service.body(0);
  EXPECT_EQ(service.server.requests()[0].path(), "/v2/enqueue");
  EXPECT_EQ(event["routing_key"], "R0SECRET");
  EXPECT_EQ(event["event_action"], "trigger");
  EXPECT_EQ(event["dedup_key"], "seawall/shop/missed:a/1");
  EXPECT_EQ(event["payload"]["severity"], "critical");
  EXPECT_EQ(event["payload"]["timestamp"], "2026-11-22T19:30:00Z");
  EXPECT_THAT(event["payload"]["summary"].get<std::string>(), HasSubstr("(and 1 more)"));
  EXPECT_THAT(event["payload"]["custom_details"]["findings"], SizeIs(2));
  EXPECT_EQ(event["links"][0]["href"], "https://wiki.example.net/runbooks/incident.md#missed-run");
}

TEST(PagerDutyRoute, resolves_a_page_when_all_that_it_is_about_is_mended) {
  Service service;
  AlertItem first = item("missed:a", "missed:a/1", AlertStep::resolved);
  first.group_open = true;
  const std::unique_ptr<AlertRoute> route = service.pagerduty();
  EXPECT_TRUE(route->tell(bulletin({first}), {}).at(0).told);
  EXPECT_EQ(service.asked, 0);
  first.group_open = false;
  EXPECT_TRUE(route->tell(bulletin({first}), {}).at(0).told);
  EXPECT_EQ(service.body(0)["event_action"], "resolve");
  EXPECT_EQ(service.body(0)["dedup_key"], "seawall/shop/missed:a/1");
}

TEST(PagerDutyRoute, what_went_well_is_a_change_and_never_an_incident) {
  Service service;
  const News news{.policy = "shop",
                  .key = "dumps-nightly/x",
                  .headline = "done in 3 min",
                  .lines = {"one"},
                  .at = now};
  EXPECT_TRUE(service.pagerduty()->tell_news(news, {}).told);
  EXPECT_EQ(service.server.requests()[0].path(), "/v2/change/enqueue");
  EXPECT_FALSE(service.body(0).contains("event_action"));
}

TEST(PagerDutyRoute, an_answer_that_repeats_the_key_is_not_repeated) {
  Service service;
  service.answer = [](int) { return HttpAnswer{.status = 400, .body = "bad key R0SECRET"}; };
  EXPECT_THAT(tell_one(*service.pagerduty()).why,
              AllOf(HasSubstr("PagerDuty answers 400"), Not(HasSubstr("R0SECRET"))));
}

TEST(AlertmanagerRoute, names_an_alert_by_what_does_not_change_and_ends_it_when_it_is_mended) {
  Service service;
  const auto route =
      alertmanager_route({.url = service.server.url() + "/", .token = {}}, service.http);
  route->tell(bulletin({item("missed:a", "g")}), {});
  route->tell(bulletin({item("missed:a", "g", AlertStep::resolved, Severity::warning)}), {});
  EXPECT_EQ(service.server.requests()[0].path(), "/api/v2/alerts");
  const Json raised = service.body(0)[0];
  const Json mended = service.body(1)[0];
  EXPECT_EQ(raised["labels"], mended["labels"]);
  EXPECT_EQ(raised["startsAt"], mended["startsAt"]);
  EXPECT_EQ(mended["endsAt"], "2026-11-22T23:00:00Z");
  EXPECT_EQ(raised["endsAt"], "2026-11-23T04:15:00Z") << "fires until it is told again";
}

TEST(WebhookRoute, sends_the_documented_json_and_a_bearer) {
  Service service;
  setenv("SEAWALL_TEST_TOKEN", "B3ARER", 1);
  const auto route =
      webhook_route({.url = service.in_variable(service.server.url() + "/hook"),
                     .token = policy::SecretSource{policy::SecretSource::Kind::environment,
                                                   "SEAWALL_TEST_TOKEN"}},
                    service.http);
  EXPECT_TRUE(tell_one(*route).told);
  EXPECT_EQ(service.server.requests()[0].header("authorization"), "Bearer B3ARER");
  const Json body = service.body(0);
  EXPECT_EQ(body["version"], 1);
  EXPECT_EQ(body["alerts"][0]["id"], "seawall/shop/missed:a/1");
  EXPECT_EQ(body["alerts"][0]["step"], "opened");
}

TEST(AlertText, is_cut_between_characters) {
  EXPECT_EQ(shortened("abc", 3), "abc");
  EXPECT_EQ(shortened("abcdef", 5), "ab...");
  EXPECT_EQ(shortened("a\xC3\xBC\xC3\xBC\xC3\xBC", 6), "a\xC3\xBC...");
}

TEST(AlertText, tells_the_worst_first_and_what_is_mended_last) {
  AlertItem warning = item("a:a", "g", AlertStep::opened, Severity::warning);
  warning.what = "warned";
  const Bulletin both = bulletin({item("b:b", "h", AlertStep::resolved), warning});
  EXPECT_EQ(headline(both), "shop: warning: warned (and 1 more)");
  EXPECT_THAT(plain_text(both), HasSubstr("mended: dumps nightly"));
}

}  // namespace
}  // namespace app
