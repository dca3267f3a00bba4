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
          .stores = {.repository = "file:///backup/repository", .dumps = "file:///backup/dumps"}};
}

PresetStores buckets(StoreWishes wishes = {}) {
  if (wishes.name.empty()) wishes.name = "breezycorp";
  wishes.region = "ap-southeast-1";
  wishes.replica_region = "ap-northeast-1";
  return choose_stores(wishes);
}

bool leaves_uncovered(const Policy& policy, std::string_view word) {
  return std::ranges::any_of(policy.uncovered, [&](const Note& note) {
    return note.what.find(word) != std::string::npos && !note.why.empty();
  });
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

constexpr const char* of_the_dumps_bucket[] = {"breezycorp-backups-<region>",
                                               "cross-region replication of the dumps",
                                               "BACKUP_KMS_KEY_ID", "lifecycle rule", "write-once"};
constexpr const char* of_later_builds[] = {"retention=5y", "7 years", "xlsx", "Vault", "git"};

TEST(Preset, of_breezycorp_is_watched_and_rehearsed) {
  const Policy policy = parse(preset_breezycorp({}), "seawall.yaml");
  EXPECT_EQ(policy.monitor.slack->channel, "#spade-ops");
  EXPECT_EQ(policy.monitor.slack->success, SuccessNews::each);
  EXPECT_TRUE(policy.monitor.pagerduty->changes);
  EXPECT_EQ(policy.monitor.missed_runs, 1);
  EXPECT_EQ(print_cadence(*policy.drill->weekly), "Sun 06:00");
  EXPECT_TRUE(policy.drill->quarterly);
  EXPECT_EQ(policy.drill->checks.size(), 2u);
  EXPECT_TRUE(policy.run.heartbeat);
  EXPECT_FALSE(policy.run.probe);  // a folder has no role that could be refused
  EXPECT_TRUE(parse(preset_breezycorp({.stores = buckets()}), "f").run.probe);
}

TEST(Preset, of_breezycorp_names_what_it_does_not_carry) {
  const Policy policy = parse(preset_breezycorp({}), "seawall.yaml");
  for (const char* word : of_the_dumps_bucket) EXPECT_TRUE(leaves_uncovered(policy, word)) << word;
  for (const char* word : of_later_builds) EXPECT_TRUE(leaves_uncovered(policy, word)) << word;
}

TEST(Preset, of_breezycorp_in_buckets_is_the_strategy_as_it_is) {
  const Policy policy = parse(preset_breezycorp({.stores = buckets()}), "seawall.yaml");
  EXPECT_EQ(policy.repository.store.url(), "s3://breezycorp-repository-ap-southeast-1");
  ASSERT_TRUE(policy.repository.encryption);
  EXPECT_EQ(print_key(policy.repository.encryption->key), "env:BACKUP_KMS_KEY_ID");
  const DumpTier& dumps = policy.layers.dumps.at(0);
  EXPECT_EQ(dumps.store.url(), "s3://breezycorp-backups-ap-southeast-1");
  ASSERT_TRUE(dumps.encryption && dumps.lock && dumps.replica);
  EXPECT_EQ(dumps.encryption->mode, DumpEncryptionMode::sse_kms);
  EXPECT_EQ(print_key(dumps.encryption->key), "env:BACKUP_KMS_KEY_ID");
  EXPECT_EQ(dumps.lock->mode, LockMode::governance);
  EXPECT_EQ(dumps.lock->duration, 30 * one_day);
  EXPECT_EQ(dumps.replica->store.url(), "s3://breezycorp-backups-ap-northeast-1");
  EXPECT_EQ(print_key(*dumps.replica->key), "env:BACKUP_KMS_REPLICA_KEY_ID");
  EXPECT_EQ(dumps.replica->by, Copier::store);
  EXPECT_EQ(dumps.tier.retain, 90 * one_day);
  EXPECT_FALSE(policy.s3.reach.endpoint);
}

TEST(Preset, of_breezycorp_in_buckets_leaves_uncovered_only_what_no_build_carries) {
  const Policy policy = parse(preset_breezycorp({.stores = buckets()}), "seawall.yaml");
  for (const char* word : of_the_dumps_bucket) EXPECT_FALSE(leaves_uncovered(policy, word)) << word;
  for (const char* word : of_later_builds) EXPECT_TRUE(leaves_uncovered(policy, word)) << word;
}

TEST(Preset, of_breezycorp_without_a_second_region_says_so) {
  const PresetStores stores = choose_stores({.name = "breezycorp", .region = "eu-west-1"});
  const Policy policy = parse(preset_breezycorp({.stores = stores}), "seawall.yaml");
  EXPECT_FALSE(policy.layers.dumps[0].replica);
  EXPECT_TRUE(leaves_uncovered(policy, "cross-region replication of the dumps"));
  EXPECT_FALSE(leaves_uncovered(policy, "write-once"));
}

// Another service than AWS has no KMS of AWS behind it, and may know no replication.
TEST(Preset, of_breezycorp_elsewhere_than_at_aws_seals_and_copies_by_itself) {
  const PresetStores stores =
      buckets({.endpoint = "https://a.example", .replica_endpoint = "http://127.0.0.1:8000"});
  const Policy policy = parse(preset_breezycorp({.stores = stores}), "seawall.yaml");
  EXPECT_EQ(policy.s3.reach.endpoint, "https://a.example");
  const DumpTier& dumps = policy.layers.dumps.at(0);
  EXPECT_EQ(dumps.encryption->mode, DumpEncryptionMode::client);
  EXPECT_EQ(dumps.replica->by, Copier::seawall);
  EXPECT_EQ(dumps.replica->reach.endpoint, "http://127.0.0.1:8000");
}

TEST(ChooseStores, makes_names_of_what_it_is_told) {
  const auto chosen = [](const StoreWishes& wishes) {
    const PresetStores stores = choose_stores(wishes);
    return std::pair(stores.repository, stores.dumps);
  };
  using Stores = std::pair<std::string, std::string>;
  EXPECT_EQ(chosen({.name = "shop"}),
            Stores("file:///var/backups/shop/repository", "file:///var/backups/shop/dumps"));
  for (const char* below : {"/backup", "file:///backup/", "/backup//"})
    EXPECT_EQ(chosen({.name = "shop", .below = below}),
              Stores("file:///backup/shop/repository", "file:///backup/shop/dumps"));
  EXPECT_EQ(chosen({.name = "My_Shop ", .region = "eu-west-2"}),
            Stores("s3://my-shop-repository-eu-west-2", "s3://my-shop-backups-eu-west-2"));
  EXPECT_EQ(chosen({.name = "shop", .below = "s3://acme/pg", .region = "eu-west-2"}),
            Stores("s3://acme-repository-eu-west-2/pg", "s3://acme-backups-eu-west-2/pg"));
  EXPECT_EQ(chosen({.name = "shop", .below = "s3://acme/"}),
            Stores("s3://acme-repository", "s3://acme-backups"));
}

TEST(ChooseStores, refuses_wishes_that_contradict_each_other) {
  for (const StoreWishes& wishes : std::vector<StoreWishes>{
           {.name = "shop", .below = "/backup", .region = "eu-west-2"},
           {.name = "shop", .replica_region = "eu-west-2"},
           {.name = "shop", .endpoint = "https://s3.example"},
           {.name = "shop", .region = "eu-west-2", .replica_region = "eu-west-2"},
           {.name = "shop", .region = "eu-west-2", .replica_endpoint = "https://s3.example"}}) {
    EXPECT_EQ(error_of([&] { (void)choose_stores(wishes); }).kind(), base::ErrorKind::invalid);
  }
}

TEST(Preset, goes_where_it_is_told) {
  const Policy policy = parse(
      preset_breezycorp(
          {.database_url = "postgresql:///breezycorp?host=/tmp/a",
           .data_directory = "/tmp/my data",
           .stores = {.repository = "file:///tmp/a: b/repository", .dumps = "file:///tmp/#dumps"}}),
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

TEST(CommentedPolicy, proposes_a_key_file_for_folders) {
  const std::string text = commented_policy(found_database());
  EXPECT_FALSE(parse(text, "f").repository.encryption);
  std::string accepted = text;
  const std::string proposal = "# encryption: { key: file:/etc/seawall/shop.key }";
  for (size_t at = accepted.find(proposal); at != std::string::npos; at = accepted.find(proposal))
    accepted.erase(at, 2);
  const Policy policy = parse(accepted, "f");
  EXPECT_EQ(print_key(policy.repository.encryption.value().key), "file:/etc/seawall/shop.key");
  EXPECT_EQ(print_key(policy.layers.dumps[0].encryption.value().key), "file:/etc/seawall/shop.key");
}

TEST(CommentedPolicy, seals_what_goes_into_buckets) {
  FoundDatabase found = found_database();
  found.stores = buckets({.name = "shop"});
  const Policy policy = parse(commented_policy(found), "f");
  EXPECT_EQ(policy.repository.store.url(), "s3://shop-repository-ap-southeast-1");
  EXPECT_EQ(print_key(policy.repository.encryption.value().key), "env:BACKUP_KMS_KEY_ID");
  EXPECT_EQ(policy.layers.dumps[0].encryption.value().mode, DumpEncryptionMode::sse_kms);
  EXPECT_TRUE(policy.layers.dumps[0].replica);
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
  found.stores.repository =
      "file:///backup/" + *rc::gen::container<std::string>(
                              rc::gen::element('a', '#', ':', ' ', '"', '\\', '\'', '*', '{', '-'));
  found.stores.dumps = "file:///dumps";
  const Policy policy = parse(commented_policy(found), "f");
  RC_ASSERT(policy.name.size() <= 40u);
  RC_ASSERT(policy.repository.store == parse_place(found.stores.repository));
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
