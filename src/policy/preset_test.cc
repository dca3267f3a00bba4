#include "policy/preset.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "policy/commented.h"
#include "policy/duration.h"
#include "policy/policy.h"
#include "policy/testing.h"

namespace policy {
namespace {

FoundDatabase found_database() {
  return {.name = "Shop",
          .url = "postgresql://backup@db/shop",
          .data_directory = "/var/lib/postgresql/15/main",
          .bytes = 1'700'000'000,
          .time_zone = "Europe/London",
          .tables = {{"public", "orders"}},
          .repository_store = "file:///backup/repository",
          .dumps_store = "file:///backup/dumps"};
}

TEST(Preset, of_breezycorp_is_the_strategy) {
  const Policy policy = parse(preset_breezycorp({}), "seawall.yaml");
  EXPECT_EQ(policy.name, "breezycorp");
  EXPECT_EQ(policy.timezone.name(), "Asia/Singapore");
  EXPECT_EQ(policy.layers.pitr->retain, 7 * one_day);
  ASSERT_EQ(policy.layers.snapshots.size(), 2u);
  EXPECT_EQ(print_cadence(policy.layers.snapshots[0].cadence), "03:00");
  EXPECT_EQ(policy.layers.snapshots[0].retain, 30 * one_day);
  EXPECT_EQ(print_cadence(policy.layers.snapshots[1].cadence), "Sun 03:00");
  EXPECT_EQ(policy.layers.snapshots[1].retain, 12 * one_week);
  ASSERT_EQ(policy.layers.dumps.size(), 1u);
  EXPECT_EQ(print_cadence(policy.layers.dumps[0].tier.cadence), "03:30");
  EXPECT_EQ(policy.layers.dumps[0].tier.retain, 90 * one_day);
  EXPECT_EQ(policy.layers.dumps[0].options.compress, 9);
  EXPECT_FALSE(policy.layers.dumps[0].roles_with_passwords);
  EXPECT_EQ(policy.objectives.rto, std::chrono::minutes{15});
  EXPECT_EQ(policy.objectives.rpo, std::chrono::minutes{1});
  EXPECT_EQ(policy.exclude.notes.size(), 2u);
}

TEST(Preset, of_breezycorp_leaves_out_jobs_and_sessions_and_nothing_else) {
  const Policy policy = parse(preset_breezycorp({}), "seawall.yaml");
  const auto left_out = [&](const char* schema, const char* table) {
    return std::ranges::any_of(policy.exclude.rows_of,
                               [&](const TablePattern& p) { return p.matches(schema, table); });
  };
  for (const char* table : {"job", "j6a1f", "job_common", "archive"})
    EXPECT_TRUE(left_out("pgboss", table)) << table;
  for (const char* table : {"version", "queue", "schedule"})
    EXPECT_FALSE(left_out("pgboss", table)) << table;
  EXPECT_TRUE(left_out("public", "staff_sessions"));
  EXPECT_FALSE(left_out("public", "staff_users"));
  EXPECT_FALSE(left_out("public", "jobs"));
}

TEST(Preset, of_breezycorp_names_what_it_does_not_carry) {
  const Policy policy = parse(preset_breezycorp({}), "seawall.yaml");
  for (const char* word :
       {"breezycorp-backups-<region>", "cross-region replication of the dumps", "BACKUP_KMS_KEY_ID",
        "write-once", "retention=5y", "7 years", "xlsx", "Vault", "git", "weekly health check",
        "quarterly", "Slack", "PagerDuty", "one missed run"}) {
    const bool named = std::ranges::any_of(policy.uncovered, [&](const Note& note) {
      return note.what.find(word) != std::string::npos && !note.why.empty();
    });
    EXPECT_TRUE(named) << word;
  }
}

TEST(Preset, goes_where_it_is_told) {
  const Policy policy =
      parse(preset_breezycorp({.database_url = "postgresql:///breezycorp?host=/tmp/a",
                               .data_directory = "/tmp/my data",
                               .repository_store = "file:///tmp/a: b/repository",
                               .dumps_store = "file:///tmp/#dumps"}),
            "seawall.yaml");
  EXPECT_EQ(policy.database.data_directory, "/tmp/my data");
  EXPECT_EQ(policy.repository.store.path, "/tmp/a: b/repository");
  EXPECT_EQ(policy.layers.dumps[0].store.path, "/tmp/#dumps");
}

TEST(CommentedPolicy, tells_what_was_found) {
  const std::string text = commented_policy(found_database());
  const Policy policy = parse(text, "seawall.yaml");
  EXPECT_EQ(policy.name, "shop");
  EXPECT_EQ(policy.timezone.name(), "Europe/London");
  EXPECT_EQ(policy.database.connection.value, "postgresql://backup@db/shop");
  EXPECT_EQ(policy.database.data_directory, "/var/lib/postgresql/15/main");
  EXPECT_TRUE(policy.exclude.rows_of.empty());
  EXPECT_NE(text.find("1.70 GB"), std::string::npos) << text;
}

TEST(CommentedPolicy, explains_every_key_and_shows_those_not_given) {
  const std::string text = commented_policy(found_database());
  for (const char* line : {"# start_within: 15m", "# every: 6h", "#   jobs: 2",
                           "# objectives:", "# uncovered:", "#   slot: seawall"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line;
  }
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    EXPECT_LE(end - at, 100u) << text.substr(at, end - at);
    at = end + 1;
  }
}

TEST(CommentedPolicy, leaves_out_jobs_but_only_proposes_sessions) {
  FoundDatabase found = found_database();
  for (const char* table : {"job", "version", "schedule", "queue", "archive"})
    found.tables.push_back({"jobs-v10", table});
  found.tables.push_back({"public", "training_sessions"});
  const std::string text = commented_policy(found);
  const Policy policy = parse(text, "seawall.yaml");
  ASSERT_EQ(policy.exclude.rows_of.size(), 3u);
  EXPECT_TRUE(policy.exclude.rows_of[1].matches("jobs-v10", "j77"));
  EXPECT_FALSE(policy.exclude.rows_of[1].matches("jobs-v10", "queue"));
  EXPECT_NE(text.find("public.training_sessions"), std::string::npos);
}

TEST(CommentedPolicy, never_writes_a_password_down) {
  FoundDatabase found = found_database();
  for (const char* url : {"postgresql://me:hunter2@db/shop", "host=db password=hunter2"}) {
    found.url = url;
    const std::string text = commented_policy(found);
    EXPECT_EQ(text.find("hunter2"), std::string::npos);
    EXPECT_EQ(parse(text, "f").database.connection.value, "DATABASE_URL");
  }
}

TEST(CommentedPolicy, uses_utc_where_the_server_names_no_zone) {
  FoundDatabase found = found_database();
  found.time_zone = "localtime-of-the-host";
  EXPECT_EQ(parse(commented_policy(found), "f").timezone.name(), "UTC");
}

RC_GTEST_PROP(CommentedPolicy, parses_whatever_the_database_is_called, ()) {
  FoundDatabase found = found_database();
  found.name = *rc::gen::string<std::string>();
  std::erase(found.name, '\0');
  found.tables = {{*rc::gen::nonEmpty(rc::gen::string<std::string>()), "user_sessions"}};
  found.repository_store =
      "file:///backup/" + *rc::gen::container<std::string>(
                              rc::gen::element('a', '#', ':', ' ', '"', '\\', '\'', '*', '{', '-'));
  found.dumps_store = "file:///dumps";
  const Policy policy = parse(commented_policy(found), "f");
  RC_ASSERT(policy.name.size() <= 40u);
  RC_ASSERT(policy.repository.store == parse_place(found.repository_store));
}

RC_GTEST_PROP(Commented, text_is_read_back_as_it_was, ()) {
  const std::string text =
      *rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange(' ', '~')));
  RC_PRE(text.find_first_not_of(' ') != std::string::npos);
  std::string yaml = preset_breezycorp({});
  yaml.replace(
      yaml.find("uncovered:"), std::string::npos,
      fmt::format("uncovered: [{{ what: {}, why: {} }}]\n", yaml_text(text), yaml_text("yes")));
  RC_ASSERT(parse(yaml, "f").uncovered[0].what == text);
}

}  // namespace
}  // namespace policy
