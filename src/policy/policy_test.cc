#include "policy/policy.h"

#include "policy/duration.h"
#include "policy/testing.h"

namespace policy {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::string_view whole = R"(version: 1
name: app
timezone: Asia/Singapore
database:
  provider: native
  url: env:DATABASE_URL
  data_directory: /var/lib/postgresql/15/main/
repository: { store: file:///backup/repository, compress_level: 3 }
layers:
  pitr: { retain: 7d, receive: { slot: seawall, flush: 2s } }
  snapshots:
    nightly: { at: 03:00, retain: 30d, start_within: 10m, finish_within: 1h }
    weekly: { at: "Sun 03:00", retain: 12w }
    often: { every: 10m, retain: 2d }
  dumps:
    nightly:
      at: "03:30"
      retain: 90d
      store: file:///backup/dumps
      options: { format: custom, compress: 6, no_owner: true, no_privileges: true }
      roles_with_passwords: true
exclude:
  rows_of: [pgboss.job, "pgboss.j*"]
  notes: [ { what: a cache, why: it rebuilds } ]
objectives: { rto: 15m, rpo: 1m }
limits: { jobs: 2, read_per_second: 200MB, store_per_second: 1GiB, nice: 10 }
run: { listen: "[::1]:9187", heartbeat: true, probe: 04:30, at_once: 3 }
monitor:
  slack: { webhook: env:SLACK, channel: "#ops", success: each }
  pagerduty: { routing_key: file:/etc/seawall/pagerduty, changes: false }
  email: { server: smtps://mail:465, from: a@example.net, to: [b@example.net, c@example.net] }
  fire_drill: Mon 10:00
  repeat_every: 2h
drill:
  weekly: Sun 06:00
  quarterly: true
  memory: 1GiB
  checks: [ { name: staff, sql: select count(*) from staff, expect: "> 0" } ]
uncovered: [ { what: uploads, why: not carried } ]
)";

constexpr std::string_view least = R"(version: 1
name: app
timezone: UTC
database: { url: postgresql:///app }
repository: { store: file:///backup/repository }
layers: { snapshots: { nightly: { at: 03:00, retain: 30d } } }
)";

TEST(Policy, says_who_is_told_and_how_it_is_carried_out) {
  const Policy policy = parse(whole, "seawall.yaml");
  EXPECT_EQ(policy.run.listen, (Listen{"::1", 9187}));
  EXPECT_EQ(policy.run.socket, "/run/seawall/push.sock");
  EXPECT_EQ(policy.run.at_once, 3);
  EXPECT_TRUE(policy.run.heartbeat);
  EXPECT_EQ(print_cadence(*policy.run.probe), "04:30");
  EXPECT_EQ(policy.monitor.slack->webhook,
            (SecretSource{SecretSource::Kind::environment, "SLACK"}));
  EXPECT_EQ(policy.monitor.slack->success, SuccessNews::each);
  EXPECT_FALSE(policy.monitor.pagerduty->changes);
  EXPECT_EQ(policy.monitor.pagerduty->endpoint, "https://events.pagerduty.com");
  EXPECT_EQ(policy.monitor.email->to.size(), 2u);
  EXPECT_EQ(policy.monitor.repeat_every, hours{2});
  EXPECT_EQ(policy.monitor.look_every, minutes{1});
  EXPECT_EQ(print_cadence(policy.monitor.digest), "09:00");
  EXPECT_EQ(print_cadence(*policy.monitor.fire_drill), "Mon 10:00");
  EXPECT_EQ(policy.drill->memory_bytes_max, 1u << 30);
  EXPECT_EQ(policy.drill->finish_within, hours{4});
  EXPECT_EQ(policy.drill->checks.at(0).expect, "> 0");
  const Policy bare = parse(least, "f");
  EXPECT_EQ(bare.monitor.missed_runs, 1);
  EXPECT_FALSE(bare.monitor.slack || bare.drill || bare.run.listen || bare.run.heartbeat);
  EXPECT_EQ(bare.run.retry_after, minutes{1});
}

TEST(Policy, carries_every_key) {
  const Policy policy = parse(whole, "seawall.yaml");
  EXPECT_EQ(policy.name, "app");
  EXPECT_EQ(policy.timezone.name(), "Asia/Singapore");
  EXPECT_EQ(policy.database.connection,
            (ConnectionSource{ConnectionSource::Kind::environment, "DATABASE_URL"}));
  EXPECT_EQ(policy.database.data_directory, "/var/lib/postgresql/15/main");
  EXPECT_EQ(policy.repository.store.path, "/backup/repository");
  EXPECT_EQ(policy.repository.compress_level, 3);
  EXPECT_EQ(policy.layers.pitr->retain, 7 * one_day);
  EXPECT_EQ(policy.layers.pitr->receive->slot, "seawall");
  EXPECT_EQ(policy.layers.pitr->receive->flush, seconds{2});
  ASSERT_EQ(policy.layers.snapshots.size(), 3u);
  const Tier& nightly = policy.layers.snapshots[0];
  EXPECT_EQ(nightly.name, "nightly");
  EXPECT_EQ(print_cadence(nightly.cadence), "03:00");
  EXPECT_EQ(nightly.retain, 30 * one_day);
  EXPECT_EQ(nightly.start_within, minutes{10});
  EXPECT_EQ(nightly.finish_within, hours{1});
  EXPECT_EQ(print_cadence(policy.layers.snapshots[1].cadence), "Sun 03:00");
  ASSERT_EQ(policy.layers.dumps.size(), 1u);
  EXPECT_EQ(policy.layers.dumps[0].options.compress, 6);
  EXPECT_EQ(policy.layers.dumps[0].store.path, "/backup/dumps");
  EXPECT_TRUE(policy.layers.dumps[0].roles_with_passwords);
  ASSERT_EQ(policy.exclude.rows_of.size(), 2u);
  EXPECT_EQ(policy.exclude.rows_of[1].text(), "pgboss.j*");
  EXPECT_EQ(policy.exclude.notes[0].why, "it rebuilds");
  EXPECT_EQ(policy.objectives.rto, minutes{15});
  EXPECT_EQ(policy.objectives.rpo, minutes{1});
  EXPECT_EQ(policy.limits.jobs, 2);
  EXPECT_EQ(policy.limits.read_per_second, 200'000'000u);
  EXPECT_EQ(policy.limits.store_per_second, 1u << 30);
  EXPECT_EQ(policy.limits.nice, 10);
  EXPECT_EQ(policy.uncovered[0].what, "uploads");
}

constexpr std::string_view in_buckets = R"(version: 1
name: breezycorp
timezone: Asia/Singapore
database: { url: postgresql:///app }
s3: { endpoint: "https://s3.example.net:8443", region: ap-southeast-1, addressing: path, ca_file: /ca.pem, parts_max: 1000, deadline: 2m }
repository:
  store: s3://breezycorp-repository-ap-southeast-1/app
  encryption: { key: env:BACKUP_KMS_KEY_ID, also: [file:/etc/seawall/recovery.key], retired: [alias/old] }
layers:
  dumps:
    nightly:
      at: "03:30"
      retain: 90d
      store: s3://breezycorp-backups-ap-southeast-1
      encryption: { mode: sse-kms, key: env:BACKUP_KMS_KEY_ID }
      lock: { mode: governance, for: 30d }
      replica:
        store: s3://breezycorp-backups-ap-northeast-1
        key: env:BACKUP_KMS_REPLICA_KEY_ID
        by: store
        within: 30m
        profile: replica
)";

TEST(Policy, keeps_things_in_buckets) {
  const Policy policy = parse(in_buckets, "seawall.yaml");
  EXPECT_EQ(policy.s3.reach.endpoint, "https://s3.example.net:8443");
  EXPECT_EQ(policy.s3.reach.region, "ap-southeast-1");
  EXPECT_EQ(policy.s3.reach.profile, std::nullopt);
  EXPECT_EQ(policy.s3.addressing, Addressing::path);
  EXPECT_EQ(policy.s3.ca_file, "/ca.pem");
  EXPECT_EQ(policy.s3.parts_max, 1000);
  EXPECT_EQ(policy.s3.deadline, std::chrono::minutes(2));
  EXPECT_EQ(policy.repository.store.url(), "s3://breezycorp-repository-ap-southeast-1/app");
  const Encryption& encryption = *policy.repository.encryption;
  EXPECT_EQ(print_key(encryption.key), "env:BACKUP_KMS_KEY_ID");
  EXPECT_EQ(print_key(encryption.also.at(0)), "file:/etc/seawall/recovery.key");
  EXPECT_EQ(print_key(encryption.retired.at(0)), "aws-kms:alias/old");
  const DumpTier& dumps = policy.layers.dumps.at(0);
  EXPECT_EQ(dumps.encryption->mode, DumpEncryptionMode::sse_kms);
  EXPECT_EQ(dumps.lock->mode, LockMode::governance);
  EXPECT_EQ(dumps.lock->duration, 30 * one_day);
  EXPECT_EQ(dumps.replica->store.root, "breezycorp-backups-ap-northeast-1");
  EXPECT_EQ(print_key(*dumps.replica->key), "env:BACKUP_KMS_REPLICA_KEY_ID");
  EXPECT_EQ(dumps.replica->by, Copier::store);
  EXPECT_EQ(dumps.replica->within, minutes{30});
  EXPECT_EQ(dumps.replica->reach.profile, "replica");
}

TEST(Policy, fills_in_what_is_not_said) {
  const Policy policy = parse(least, "seawall.yaml");
  EXPECT_EQ(policy.repository.compress_level, 2);
  EXPECT_EQ(policy.layers.snapshots[0].start_within, minutes{15});
  EXPECT_EQ(policy.layers.snapshots[0].finish_within, hours{2});
  EXPECT_FALSE(policy.layers.pitr.has_value());
  EXPECT_FALSE(policy.limits.jobs.has_value());
  EXPECT_FALSE(policy.database.data_directory.has_value());
  EXPECT_EQ(policy.database.access, Access::files);
}

TEST(Policy, may_have_the_server_send_its_files) {
  std::string text(least);
  text.replace(text.find("url:"), 4, "access: replication, url:");
  EXPECT_EQ(parse(text, "f").database.access, Access::replication);
}

TEST(Policy, shortens_default_limits_to_the_cadence) {
  const Tier often = parse(whole, "f").layers.snapshots[2];
  EXPECT_EQ(often.finish_within, minutes{10});
  EXPECT_EQ(often.start_within, minutes{10});
}

TEST(Policy, may_use_anchors) {
  const Policy policy = parse(R"(version: 1
name: app
timezone: UTC
database: { url: postgresql:///app }
repository: { store: file:///backup/repository }
layers:
  snapshots:
    one: &tier { at: 03:00, retain: 30d }
    two: *tier
)",
                              "f");
  EXPECT_EQ(policy.layers.snapshots[1].name, "two");
  EXPECT_EQ(policy.layers.snapshots[1].retain, 30 * one_day);
}

// Zones that replicate call a bucket by one name everywhere.
TEST(Policy, may_have_a_replica_of_the_same_name_at_another_endpoint) {
  const auto with_endpoint = [](const std::string& endpoint) {
    return parse(R"(version: 1
name: app
timezone: UTC
database: { url: postgresql:///app }
s3: { endpoint: "https://a.example" }
repository: { store: s3://repository }
layers:
  dumps:
    nightly:
      at: 03:30
      retain: 90d
      store: s3://dumps
      replica: { store: s3://dumps, by: store, endpoint: ")" +
                     endpoint + "\" }\n",
                 "f");
  };
  EXPECT_EQ(with_endpoint("https://b.example").layers.dumps[0].replica->store.root, "dumps");
  EXPECT_EQ(error_of([&] { (void)with_endpoint("https://a.example"); }).kind(),
            base::ErrorKind::invalid);
}

TEST(Policy, is_loaded_from_a_file_that_messages_name) {
  const base::TemporaryFolder folder;
  const base::Path good = folder.path() / "good.yaml";
  const base::Path bad = folder.path() / "bad.yaml";
  base::write_file_durably(good, base::as_bytes(least));
  base::write_file_durably(bad, base::as_bytes("version: 2\n"));
  const base::Path huge = folder.path() / "huge.yaml";
  base::write_file_durably(huge, base::as_bytes(std::string(3 << 20, '#')));
  EXPECT_EQ(error_of([&] { (void)load(huge); }).kind(), base::ErrorKind::invalid);
  EXPECT_EQ(load(good).name, "app");
  EXPECT_TRUE(error_of([&] { (void)load(bad); }).message().starts_with(bad.string() + ":1:10: "));
  EXPECT_EQ(error_of([&] { (void)load(folder.path() / "none.yaml"); }).kind(),
            base::ErrorKind::absent);
}

}  // namespace
}  // namespace policy
