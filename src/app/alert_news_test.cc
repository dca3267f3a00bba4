#include "app/alert_news.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace app {
namespace {

using base::Instant;
using std::chrono::hours;
using std::chrono::minutes;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

const Instant now = base::from_rfc3339("2026-11-23T09:00:00Z");

policy::Policy nightly() {
  policy::Policy policy;
  policy.name = "shop";
  policy.layers.snapshots = {{.name = "nightly", .cadence = policy::parse_at("03:00")}};
  policy.monitor.digest = policy::parse_at("09:00");
  return policy;
}

repository::RunRecord run(Instant ended, bool ok = true) {
  return {.lane = "snapshots-nightly",
          .slot = base::from_rfc3339("2026-11-23T03:00:00Z"),
          .attempt = 1,
          .run = "r",
          .started = ended - minutes(3),
          .ended = ended,
          .ok = ok,
          .error = ok ? "" : "the disk is full",
          .details = {{"stored_bytes", 5000000}}};
}

TEST(News, tell_of_a_run_that_has_just_ended_well) {
  monitor::Catalog catalog;
  const policy::TierKey key{policy::TieredLayer::snapshots, "nightly"};
  catalog.last_runs[key] = run(now - minutes(10));
  const std::vector<News> news = recent_news(nightly(), catalog, now);
  ASSERT_THAT(news, SizeIs(1));
  EXPECT_EQ(news[0].key, "snapshots-nightly/20261123T030000Z");
  EXPECT_THAT(news[0].headline, HasSubstr("snapshots nightly done in 3 min 0 s, 5.00 MB stored"));
  EXPECT_THAT(recent_news(nightly(), catalog, now + hours(2)), IsEmpty());
  catalog.last_runs[key] = run(now - minutes(10), false);
  EXPECT_THAT(recent_news(nightly(), catalog, now), IsEmpty());
}

TEST(Digest, is_due_for_some_hours_from_its_time_on) {
  EXPECT_EQ(digest_due(nightly(), now), now);
  EXPECT_EQ(digest_due(nightly(), now + hours(5)), now);
  EXPECT_EQ(digest_due(nightly(), now + hours(7)), std::nullopt);
  EXPECT_EQ(digest_due(nightly(), now - minutes(1)), std::nullopt);
}

TEST(Digest, counts_the_runs_of_the_day_before_it) {
  const std::vector<repository::RunRecord> runs = {run(now - hours(30)), run(now - hours(6)),
                                                   run(now - hours(5), false), run(now + hours(1))};
  const News news = digest(nightly(), {}, runs, now);
  EXPECT_EQ(news.headline, "1 of 2 runs went well");
  EXPECT_THAT(news.lines, Contains(HasSubstr("attempt 1 failed: the disk is full")));
  EXPECT_EQ(digest(nightly(), {}, {run(now - hours(6))}, now).headline, "all went well: 1 run");
  EXPECT_EQ(digest(nightly(), {}, {}, now).headline, "nothing ran since the last digest");
}

}  // namespace
}  // namespace app
