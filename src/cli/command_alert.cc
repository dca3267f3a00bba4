#include "app/alert_test_message.h"
#include "app/fire_drill.h"
#include "base/error.h"
#include "cli/command.h"
#include "monitor/alert_log.h"
#include "policy/duration.h"

namespace cli {

namespace {

void test(Globals& globals, const std::string& route) {
  const app::Context context = globals.context();
  const std::vector<app::RouteTest> tests =
      app::test_routes(context.policy(), route, base::system_clock().now(), globals.token());
  base::Json json = base::Json::array();
  std::vector<std::vector<std::string>> rows = {{"route", "told", ""}};
  for (const app::RouteTest& test : tests) {
    if (!test.delivery.told) globals.exit_code = 1;
    rows.push_back({test.route, test.delivery.told ? "yes" : "NO", test.delivery.why});
    json.push_back(
        {{"route", test.route}, {"told", test.delivery.told}, {"why", test.delivery.why}});
  }
  if (globals.json) return print_json(json);
  print_table(rows);
}

// "slack told 3 min ago", "pagerduty NOT: it answers 500"
std::string deliveries(const monitor::AlertEvent& event, base::Instant now) {
  std::map<std::string, const monitor::Telling*> last;
  for (const monitor::Telling& telling : event.tellings) {
    const monitor::Telling*& newest = last[telling.route];
    if (newest == nullptr || telling.told || (!newest->told && newest->at < telling.at))
      newest = &telling;
  }
  std::string text;
  for (const auto& [route, telling] : last) {
    if (!text.empty()) text += "; ";
    text += telling->told
                ? fmt::format("{} told {} ago", route, base::human_duration(now - telling->at))
                : fmt::format("{} NOT: {}", route, telling->why);
  }
  return text.empty() ? "nobody told yet" : text;
}

void list(Globals& globals, bool all) {
  app::Context context = globals.context();
  const repository::Repository repository = context.repository(globals.token());
  const base::Instant now = base::system_clock().now();
  monitor::AlertBodies bodies;
  std::vector<monitor::Alert> alerts =
      monitor::read_alerts(repository, bodies, now, globals.token());
  std::erase_if(alerts, [&](const monitor::Alert& alert) {
    return alert.events.front().what.empty() || (!all && !alert.open());
  });
  if (globals.json) {
    base::Json json = base::Json::array();
    for (const monitor::Alert& alert : alerts) json.push_back(to_json(alert));
    return print_json(json);
  }
  fmt::print("{}\n", alerts.empty() ? "no open alerts" : "alerts:");
  for (const monitor::Alert& alert : alerts) {
    const monitor::AlertEvent& last = alert.events.back();
    fmt::print("  {} {}: {}\n      opened {} ago, {} {} ago; {}\n",
               alert.open() ? monitor::name(alert.severity()) : "mended", alert.key, last.what,
               base::human_duration(now - alert.opened()), monitor::name(last.step),
               base::human_duration(now - last.at), deliveries(last, now));
  }
}

void fire_drill(Globals& globals, const std::string& wait) {
  app::Context context = globals.context();
  const base::Duration bound = policy::parse_duration(wait);
  if (bound > std::chrono::hours(2))
    throw base::Error(base::ErrorKind::invalid, "--wait is at most 2h");
  const repository::Repository repository = context.repository(globals.token());
  const app::FireDrill drill = app::run_fire_drill(context.policy(), bound, globals.token());
  app::put_fire_drill(repository, drill, globals.token());
  const bool unanswered = drill.can_tell && !drill.answered_after;
  globals.exit_code = unanswered ? 1 : 0;
  if (globals.json) return print_json(to_json(drill));
  if (drill.answered_after) {
    fmt::print("paged; {} answered after {}\n", drill.answered_by,
               base::human_duration(*drill.answered_after));
  } else if (!drill.can_tell) {
    fmt::print(
        "paged, and resolved. Who answered is not known: events cannot tell; "
        "monitor.pagerduty.rest_token lets seawall ask\n");
  } else {
    fmt::print("paged; {}\n", drill.trouble.empty()
                                  ? "nobody answered within " + wait
                                  : "who answered could not be told: " + drill.trouble);
  }
}

}  // namespace

void add_alert(CLI::App& program, Globals& globals) {
  CLI::App* command = program.add_subcommand("alert", "whether alerts arrive, and which are open");
  command->require_subcommand(1);
  CLI::App* tried = command->add_subcommand("test", "send a test through every route");
  const auto route = std::make_shared<std::string>();
  tried->add_option("--route", *route, "only this one: slack, pagerduty, ...");
  tried->footer(
      "The message says that it is a test, and is resolved at once; PagerDuty pages for it all the "
      "same.\nExit status: 0 all were told, 1 one could not be.\n"
      "Example:\n  seawall alert test --route slack");
  tried->callback([&globals, route] { test(globals, *route); });

  CLI::App* listed = command->add_subcommand("list", "open alerts, and who was told");
  const auto all = std::make_shared<bool>(false);
  listed->add_flag("--all", *all, "those that were resolved within two days as well");
  listed->footer("Example:\n  seawall alert list --all --json");
  listed->callback([&globals, all] { list(globals, *all); });
}

void add_fire_drill(CLI::App& program, Globals& globals) {
  CLI::App* command = program.add_subcommand(
      "fire-drill", "page the person on call for real, and see who answers in how long");
  const auto wait = std::make_shared<std::string>("15m");
  command->add_option("--wait", *wait, "for an answer, at most; where PagerDuty can be asked")
      ->type_name("DURATION");
  command->footer(
      "The page says that it is a drill, and is resolved at the end. The record is kept in the "
      "repository.\n"
      "Exit status: 0 somebody answered, or nobody can tell; 1 nobody did.\n"
      "Example:\n  seawall fire-drill --wait 30m");
  command->callback([&globals, wait] { fire_drill(globals, *wait); });
}

}  // namespace cli
