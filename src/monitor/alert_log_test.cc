#include "monitor/alert_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/sample_repository.h"

namespace monitor {
namespace {

using base::Instant;
using std::chrono::hours;
using std::chrono::minutes;
using testing::IsEmpty;
using testing::SizeIs;

struct Log {
  testing::SampleRepository sample;
  const repository::Repository& repository = sample.repository;
  Instant now = base::system_clock().now();
  AlertBodies bodies;

  NewEvent event(AlertStep step, int repeat = 0) const {
    return {.key = "missed:snapshots-nightly",
            .number = 1,
            .group = "missed:snapshots-nightly/1",
            .section = "missed-run",
            .since = now - hours(2),
            .event = {.step = step,
                      .repeat = repeat,
                      .at = now,
                      .severity = Severity::critical,
                      .what = "missed",
                      .remedy = "run it",
                      .ours = false,
                      .tellings = {}}};
  }
  std::vector<Alert> read() { return read_alerts(repository, bodies, now, {}); }
};

TEST(AlertLog, an_alert_is_what_its_records_add_up_to) {
  Log log;
  EXPECT_THAT(log.read(), IsEmpty());
  EXPECT_TRUE(put_event(log.repository, log.event(AlertStep::opened), {}));
  EXPECT_FALSE(put_event(log.repository, log.event(AlertStep::opened), {})) << "another watcher";
  std::vector<Alert> alerts = log.read();
  ASSERT_THAT(alerts, SizeIs(1));
  const Telling refused{
      .route = "slack", .at = log.now, .told = false, .why = "it answers 404", .permanent = true};
  const Telling told{.route = "slack", .at = log.now + minutes(1), .told = true, .why = {}};
  put_telling(log.repository, alerts[0], alerts[0].events[0], refused, 1, {});
  put_telling(log.repository, alerts[0], alerts[0].events[0], told, 2, {});
  put_event(log.repository, log.event(AlertStep::repeated, 1), {});

  alerts = log.read();
  ASSERT_THAT(alerts, SizeIs(1));
  EXPECT_TRUE(alerts[0].open());
  EXPECT_EQ(alerts[0].key, "missed:snapshots-nightly");
  EXPECT_EQ(alerts[0].since, log.now - hours(2));
  ASSERT_THAT(alerts[0].events, SizeIs(2));
  ASSERT_THAT(alerts[0].events[0].tellings, SizeIs(2));
  EXPECT_TRUE(alerts[0].events[0].tellings[0].permanent);
  EXPECT_TRUE(alerts[0].events[0].told_by("slack"));
  EXPECT_FALSE(alerts[0].events[1].told_by("slack"));

  put_event(log.repository, log.event(AlertStep::resolved), {});
  EXPECT_FALSE(log.read()[0].open());
}

TEST(AlertLog, of_one_long_over_only_its_number_is_read) {
  Log log;
  put_event(log.repository, log.event(AlertStep::opened), {});
  put_event(log.repository, log.event(AlertStep::resolved), {});
  log.now += hours(49);
  const std::vector<Alert> alerts = log.read();
  ASSERT_THAT(alerts, SizeIs(1));
  EXPECT_EQ(alerts[0].number, 1);
  EXPECT_FALSE(alerts[0].open());
  EXPECT_THAT(log.bodies, IsEmpty());
  const std::vector<NewEvent> again = judge_alerts({{.severity = Severity::critical,
                                                     .what = "x",
                                                     .remedy = "y",
                                                     .key = "missed:snapshots-nightly",
                                                     .section = "z",
                                                     .since = {}}},
                                                   alerts, {1, hours(4)}, {}, log.now);
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0].number, 2);
}

TEST(AlertLog, records_are_read_once) {
  Log log;
  put_event(log.repository, log.event(AlertStep::opened), {});
  log.read();
  EXPECT_THAT(log.bodies, SizeIs(1));
  log.bodies.begin()->second["group"] = "from memory";
  EXPECT_EQ(log.read()[0].group, "from memory");
}

TEST(AlertLog, news_are_told_by_whoever_is_first) {
  Log log;
  EXPECT_TRUE(claim_news(log.repository, "digest/20261123T010000Z", log.now, {}));
  EXPECT_FALSE(claim_news(log.repository, "digest/20261123T010000Z", log.now, {}));
  EXPECT_THAT(log.read(), IsEmpty()) << "news are no alerts";
}

TEST(AlertLog, what_is_no_record_is_corrupt) {
  Log log;
  log.sample.store.put_if_absent(storage::ObjectKey("alerts/a=b/x/opened.json"), {}, {});
  EXPECT_ERROR(corrupt, log.read());
}

}  // namespace
}  // namespace monitor
