#include "monitor/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monitor/exposure.h"

namespace monitor {
namespace {

using base::Instant;
using std::chrono::hours;
using std::chrono::minutes;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const Instant now = base::from_rfc3339("2026-11-22T12:00:00Z");

Status sample_status() {
  Status status{.now = now};
  status.rows.push_back({.layer = "pitr",
                         .tier = "",
                         .last_success = now - minutes(1),
                         .next_due = {},
                         .kept = {},
                         .expected = {},
                         .newest_restorable = now - minutes(2),
                         .state = "ok"});
  status.rows.push_back({.layer = "dumps",
                         .tier = "nightly",
                         .last_success = now - hours(16),
                         .next_due = now + hours(8),
                         .kept = 9,
                         .expected = 10,
                         .newest_restorable = now - hours(16),
                         .state = "missed"});
  status.window_begins = now - hours(100);
  status.last_transaction = now - minutes(2);
  return status;
}

std::string print(const PolicyMetrics& metrics) {
  return print_metrics(std::span(&metrics, 1), "0.1", now);
}

TEST(Metrics, say_what_is_known_with_units_and_labels) {
  const Status status = sample_status();
  PolicyMetrics metrics{.policy = "shop", .looked = now, .status = &status, .findings = {}};
  metrics.findings = {{.severity = Severity::critical,
                       .what = "x",
                       .remedy = "y",
                       .key = "z:z",
                       .section = "s",
                       .since = {}}};
  metrics.alerts_open = 1;
  metrics.loss_now = minutes(2);
  const std::string text = print(metrics);
  EXPECT_THAT(text, StartsWith("# HELP seawall_build_info"));
  EXPECT_THAT(text, HasSubstr("seawall_build_info{version=\"0.1\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("seawall_last_success_age_seconds{policy=\"shop\",layer=\"dumps\","
                              "tier=\"nightly\"} 57600\n"));
  EXPECT_THAT(text,
              HasSubstr("seawall_missed{policy=\"shop\",layer=\"dumps\",tier=\"nightly\"} 1"));
  EXPECT_THAT(text, HasSubstr("seawall_findings{policy=\"shop\",severity=\"critical\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("seawall_findings{policy=\"shop\",severity=\"warning\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("seawall_rpo_seconds{policy=\"shop\"} 120\n"));
  EXPECT_THAT(text, HasSubstr("seawall_repository_readable{policy=\"shop\"} 1\n"));
}

TEST(Metrics, of_a_repository_that_cannot_be_read_say_so_and_nothing_that_is_not_known) {
  const std::string text = print({.policy = "shop", .looked = now, .findings = {}});
  EXPECT_THAT(text, HasSubstr("seawall_repository_readable{policy=\"shop\"} 0\n"));
  EXPECT_THAT(text, Not(HasSubstr("seawall_rpo_seconds")));
  EXPECT_THAT(text, Not(HasSubstr("seawall_missed")));
}

TEST(Metrics, several_policies_share_a_family) {
  const std::vector<PolicyMetrics> two = {{.policy = "a", .looked = now, .findings = {}},
                                          {.policy = "b \"c\\", .looked = now, .findings = {}}};
  const std::string text = print_metrics(two, "0.1", now);
  size_t heads = 0;
  for (size_t at = 0; (at = text.find("# TYPE seawall_alerts_open", at)) != std::string::npos; ++at)
    ++heads;
  EXPECT_EQ(heads, 1u);
  EXPECT_THAT(text, HasSubstr("seawall_alerts_open{policy=\"b \\\"c\\\\\"} 0"));
}

TEST(Exposure, is_the_newest_moment_that_comes_back) {
  const Exposure exposure = exposure_of(sample_status(), nullptr);
  EXPECT_EQ(exposure.newest, now - minutes(2));
  EXPECT_EQ(sentence(exposure, minutes(1), now),
            "Lost now, the database comes back as of 2026-11-22T11:58:00Z, 2 min 0 s ago; the "
            "objective is 1 minute.");
}

TEST(Exposure, of_an_idle_database_is_nothing) {
  ServerFacts facts;
  facts.all_archived = true;
  const Exposure exposure = exposure_of(sample_status(), &facts);
  EXPECT_EQ(loss_now(exposure, now), base::Duration(0));
  EXPECT_THAT(sentence(exposure, minutes(1), now), HasSubstr("nothing was written since"));
}

TEST(Exposure, of_a_database_without_backups_is_all_of_it) {
  EXPECT_EQ(loss_now(exposure_of(Status{.now = now}, nullptr), now), std::nullopt);
}

TEST(Exposure, by_a_credential_that_may_not_open_the_log_is_when_it_was_stored) {
  Status status = sample_status();
  status.rows[0].newest_restorable.reset();
  status.last_transaction.reset();
  EXPECT_EQ(exposure_of(status, nullptr).newest, now - minutes(1));
}

}  // namespace
}  // namespace monitor
