#include "monitor/alerts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "testing/dice.h"

namespace monitor {
namespace {

using base::Duration;
using base::Instant;
using std::chrono::hours;
using std::chrono::minutes;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const Instant start = base::from_rfc3339("2027-01-01T00:00:00Z");
const AlertRules rules{.missed_runs = 1, .repeat_every = hours(4)};
const std::vector<RouteRule> both = {{"slack", Severity::warning},
                                     {"pagerduty", Severity::critical}};

Finding finding(const std::string& key, Severity severity = Severity::critical) {
  return {.severity = severity,
          .what = key + " is wrong",
          .remedy = "mend it",
          .key = key,
          .section = "section",
          .since = {}};
}

// What the records of all watchers add up to: an event is there once, whoever puts it.
class Records {
 public:
  bool put(const NewEvent& event) {
    Alert* alert = find(event.key, event.number);
    if (event.event.step == AlertStep::opened) {
      if (alert != nullptr) return false;
      alerts.push_back({.key = event.key,
                        .number = event.number,
                        .group = event.group,
                        .section = event.section,
                        .since = event.since,
                        .events = {event.event}});
      return true;
    }
    for (const AlertEvent& one : alert->events) {
      if (one.step == event.event.step && one.repeat == event.event.repeat) return false;
    }
    alert->events.push_back(event.event);
    return true;
  }
  Alert* find(const std::string& key, int number) {
    for (Alert& alert : alerts) {
      if (alert.key == key && alert.number == number) return &alert;
    }
    return nullptr;
  }
  std::vector<Alert> alerts;
};

// One look: what is found is recorded, and what is due is told by `tell`.
using Tell = std::function<Telling(const Alert&, const DueTelling&)>;
void look(Records& records, const std::vector<Finding>& found, Instant now, const Tell& tell) {
  std::set<std::pair<std::string, int>> ours;
  for (const NewEvent& event : judge_alerts(found, records.alerts, rules, {}, now)) {
    if (records.put(event)) ours.insert({event.key, event.number});
  }
  std::vector<Alert> seen = records.alerts;
  for (Alert& alert : seen) alert.events.back().ours = ours.contains({alert.key, alert.number});
  for (const DueTelling& due : tellings_due(seen, both, now)) {
    records.alerts[due.alert].events.back().tellings.push_back(tell(seen[due.alert], due));
  }
}

Telling told(const DueTelling& due, Instant now) {
  return {.route = due.route, .at = now, .told = true, .why = {}};
}

// Everybody can be told; what was told at this look, as "route key step".
std::vector<std::string> look(Records& records, const std::vector<Finding>& found, Instant now) {
  std::vector<std::string> said;
  look(records, found, now, [&](const Alert& alert, const DueTelling& due) {
    said.push_back(due.route + " " + alert.key + " " + std::string(name(alert.events.back().step)));
    return told(due, now);
  });
  return said;
}

TEST(JudgeAlerts, tells_each_route_once_and_again_after_a_while_and_that_it_is_mended) {
  Records records;
  const std::vector<Finding> missed = {finding("missed:snapshots-nightly")};
  EXPECT_THAT(look(records, missed, start),
              ElementsAre("slack missed:snapshots-nightly opened",
                          "pagerduty missed:snapshots-nightly opened"));
  for (int i = 1; i < 240; ++i) EXPECT_THAT(look(records, missed, start + minutes(i)), IsEmpty());
  EXPECT_THAT(look(records, missed, start + hours(4)),
              ElementsAre("slack missed:snapshots-nightly repeated",
                          "pagerduty missed:snapshots-nightly repeated"));
  EXPECT_THAT(look(records, {}, start + hours(5)),
              ElementsAre("slack missed:snapshots-nightly resolved",
                          "pagerduty missed:snapshots-nightly resolved"));
  EXPECT_THAT(look(records, {}, start + hours(9)), IsEmpty());
}

TEST(JudgeAlerts, wakes_nobody_for_a_warning_and_does_once_it_gets_worse) {
  Records records;
  const std::string key = "missed:dumps-nightly";
  EXPECT_THAT(look(records, {finding(key, Severity::warning)}, start),
              ElementsAre("slack missed:dumps-nightly opened"));
  EXPECT_THAT(look(records, {finding(key, Severity::warning)}, start + hours(23)), IsEmpty());
  EXPECT_THAT(look(records, {finding(key)}, start + hours(23) + minutes(1)),
              ElementsAre("slack missed:dumps-nightly repeated",
                          "pagerduty missed:dumps-nightly repeated"));
}

TEST(JudgeAlerts, says_nothing_of_notices_and_of_what_is_past) {
  Finding past = finding("wal:hole-behind");
  past.told = false;
  EXPECT_THAT(alerting({finding("a:b", Severity::notice), past}, rules), IsEmpty());
}

TEST(JudgeAlerts, pages_from_the_second_missed_run_on_where_the_policy_says_so) {
  Finding missed = finding("missed:snapshots-nightly");
  EXPECT_EQ(alerting({missed}, {2, hours(4)})[0].severity, Severity::warning);
  missed.times = 2;
  EXPECT_EQ(alerting({missed}, {2, hours(4)})[0].severity, Severity::critical);
}

TEST(JudgeAlerts, makes_one_alert_of_many_findings_of_one_key) {
  const std::vector<Finding> found =
      alerting({finding("damage:objects", Severity::warning), finding("damage:objects"),
                finding("damage:objects")},
               rules);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].severity, Severity::critical);
  EXPECT_THAT(found[0].what, HasSubstr("2 more"));
}

TEST(JudgeAlerts, groups_what_one_look_finds_of_one_kind_and_pages_anew_for_what_comes_later) {
  Records records;
  const std::vector<Finding> first = {finding("missed:a"), finding("missed:b"),
                                      finding("wal:hole")};
  look(records, first, start);
  ASSERT_THAT(records.alerts, SizeIs(3));
  EXPECT_EQ(records.alerts[0].group, records.alerts[1].group);
  EXPECT_NE(records.alerts[0].group, records.alerts[2].group);
  std::vector<Finding> later = first;
  later.push_back(finding("missed:c"));
  look(records, later, start + hours(1));
  EXPECT_NE(records.alerts[3].group, records.alerts[0].group);
}

TEST(JudgeAlerts, what_a_look_could_not_see_is_not_mended) {
  Records records;
  look(records, {finding("archiver:failing"), finding("missed:a")}, start);
  const auto seen = judge_alerts({}, records.alerts, rules, {"archiver:"}, start + minutes(1));
  ASSERT_THAT(seen, SizeIs(1));
  EXPECT_EQ(seen[0].key, "missed:a");
  EXPECT_THAT(judge_alerts({}, records.alerts, rules, {""}, start + minutes(1)), IsEmpty());
}

TEST(JudgeAlerts, keys_are_fit_for_names_of_records) {
  EXPECT_EQ(alerting({finding("lifecycle:a/b c:d")}, rules)[0].key, "lifecycle:a-b-c-d");
  EXPECT_EQ(alerting({finding("plain")}, rules)[0].key, "finding:plain");
}

TEST(TellingsDue, leaves_what_another_watcher_began_to_that_one_for_a_while) {
  Records records;
  for (const NewEvent& event : judge_alerts({finding("wal:hole")}, {}, rules, {}, start))
    records.put(event);
  EXPECT_THAT(tellings_due(records.alerts, both, start + minutes(2)), IsEmpty());
  EXPECT_THAT(tellings_due(records.alerts, both, start + minutes(3)), SizeIs(2));
}

TEST(TellingsDue, tries_a_route_that_fails_again_with_growing_pauses_and_says_so_to_the_other) {
  Records records;
  int attempts = 0;
  std::vector<std::string> paged;
  for (Instant now = start; now < start + hours(3); now += minutes(1)) {
    std::vector<Finding> found = {finding("missed:a")};
    for (Finding& one : judge_deliveries(records.alerts, both, now)) found.push_back(one);
    look(records, found, now, [&](const Alert& alert, const DueTelling& due) {
      Telling telling = told(due, now);
      if (due.route == "slack") {
        ++attempts;
        telling.told = false;
        telling.why = "it answers 500";
      } else {
        paged.push_back(alert.key);
      }
      return telling;
    });
  }
  EXPECT_LT(attempts, 10);
  EXPECT_THAT(paged, ElementsAre("missed:a", "undeliverable:slack"));
  const auto trouble = judge_deliveries(records.alerts, both, start + hours(3));
  ASSERT_THAT(trouble, SizeIs(1));
  EXPECT_THAT(trouble[0].what, HasSubstr("slack could not be told of 1 alert: it answers 500"));
}

// A year of looks by watchers that come and go, at findings that come, flap and go, over routes
// that fail: no page without a cause, no storm, each alert resolved once, nobody left untold.
class Year {
 public:
  explicit Year(uint64_t seed) : dice_(seed) {}

  void run() {
    const std::vector<std::string> keys = {"missed:a", "missed:b", "wal:hole", "store:unreachable"};
    for (Instant now = start; now < start + hours(24 * 365); now += minutes(5)) {
      for (const std::string& key : keys) change(key);
      for (auto& [route, works] : works_)
        if (dice_.one_in(works ? 2000 : 30)) works = !works;
      if (dice_.one_in(50)) continue;  // nobody looks
      std::vector<Finding> found;
      for (const std::string& key : there_) found.push_back(finding(key));
      check_causes(found, now);
      look(records_, found, now,
           [&](const Alert& alert, const DueTelling& due) { return tell(alert, due, now); });
      check_nobody_waits(now);
      if (dice_.one_in(100)) forget(now);
    }
    EXPECT_GT(tellings_, 500u);
  }

 private:
  void change(const std::string& key) {
    if (dice_.one_in(1000)) flapping_ = flapping_ == key ? "" : key;
    const bool is_there = there_.contains(key);
    if (!dice_.one_in(flapping_ == key ? 2 : is_there ? 100 : 1500)) return;
    is_there ? (void)there_.erase(key) : (void)there_.insert(key);
  }

  void check_causes(const std::vector<Finding>& found, Instant now) {
    for (const NewEvent& event : judge_alerts(found, records_.alerts, rules, {}, now)) {
      const bool resolved = event.event.step == AlertStep::resolved;
      ASSERT_NE(there_.contains(event.key), resolved) << event.key << name(event.event.step);
    }
    for (const Alert& alert : records_.alerts) {
      int resolutions = 0;
      for (const AlertEvent& event : alert.events)
        resolutions += event.step == AlertStep::resolved ? 1 : 0;
      ASSERT_LE(resolutions, 1);
      ASSERT_EQ(resolutions == 0, alert.open());
    }
  }

  Telling tell(const Alert& alert, const DueTelling& due, Instant now) {
    Telling telling = told(due, now);
    telling.told = works_.at(due.route);
    const AlertEvent& event = alert.events.back();
    EXPECT_FALSE(event.told_by(due.route)) << "twice";
    EXPECT_TRUE(event.step != AlertStep::resolved || alert.ever_told_by(due.route));
    if (!telling.told) return telling;
    ++tellings_;
    std::vector<Instant>& of_key = said_[alert.key + due.route];
    of_key.push_back(now);
    const auto today =
        std::ranges::count_if(of_key, [&](Instant one) { return now - one < hours(24); });
    EXPECT_LE(today, 24) << alert.key << " is a storm on " << base::to_rfc3339(now);
    return telling;
  }

  // Whoever works since a while knows of all that is open.
  void check_nobody_waits(Instant now) {
    for (const RouteRule& route : both) {
      Instant& since = works_since_[route.name];
      if (!works_.at(route.name)) since = now;
      if (now - since < hours(2)) continue;
      for (const Alert& alert : records_.alerts) {
        if (alert.open() && now - alert.opened() > hours(2)) {
          ASSERT_TRUE(alert.ever_told_by(route.name)) << alert.key << route.name;
        }
      }
    }
  }

  // As read_alerts() does.
  void forget(Instant now) {
    std::map<std::string, int> newest;
    for (const Alert& alert : records_.alerts)
      newest[alert.key] = std::max(newest[alert.key], alert.number);
    std::erase_if(records_.alerts, [&](const Alert& alert) {
      return !alert.open() && now - alert.events.back().at > hours(48) &&
             newest[alert.key] != alert.number;
    });
  }

  testing::Dice dice_;
  Records records_;
  std::set<std::string> there_;
  std::string flapping_;
  std::map<std::string, bool> works_ = {{"slack", true}, {"pagerduty", true}};
  std::map<std::string, Instant> works_since_;
  std::map<std::string, std::vector<Instant>> said_;
  size_t tellings_ = 0;
};

TEST(JudgeAlerts, a_year_has_no_storm_no_page_without_cause_and_nobody_untold) {
  testing::Dice seeds;
  SCOPED_TRACE(seeds.told());
  for (uint64_t i = 0; i < testing::rounds(3); ++i) {
    Year year(seeds.below(1u << 30));
    year.run();
    if (testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace monitor
