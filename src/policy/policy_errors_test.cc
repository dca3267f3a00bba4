// Every way in which a policy can be wrong: what is said, where, and what is advised.
#include "policy/policy.h"
#include "policy/testing.h"

namespace policy {
namespace {

constexpr std::string_view good = R"(version: 1
name: app
timezone: Asia/Singapore
database:
  url: postgresql:///app
  data_directory: /data
repository:
  store: file:///backup/repository
layers:
  pitr:
    retain: 7d
  snapshots:
    nightly:
      at: 03:00
      retain: 30d
  dumps:
    nightly:
      at: 03:30
      retain: 90d
      store: file:///backup/dumps
exclude:
  rows_of: [public.sessions]
)";

struct Case {
  std::string_view from;  // text of `good` that is replaced
  std::string_view to;
  std::string_view message;  // begins with the position
  std::string_view hint;     // a part of it
};

// For the names of tests and for failures: what is to be said.
void PrintTo(const Case& c, std::ostream* out) { *out << c.message; }
std::string name_of(const testing::TestParamInfo<Case>& info) {
  std::string name = std::to_string(info.index);
  for (const char c : std::string_view(info.param.message).substr(0, 48))
    name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}

class PolicyErrors : public testing::TestWithParam<Case> {};

TEST_P(PolicyErrors, say_where_what_and_how_to_mend) {
  const Case& c = GetParam();
  std::string text(good);
  const size_t at = text.find(c.from);
  ASSERT_NE(at, std::string::npos) << c.from;
  text.replace(at, c.from.size(), c.to);
  const base::Error failure = error_of([&] { (void)parse(text, "f"); });
  EXPECT_EQ(failure.kind(), base::ErrorKind::invalid);
  EXPECT_EQ(failure.message(), c.message);
  EXPECT_NE(failure.hint().find(c.hint), std::string::npos) << failure.hint();
}

INSTANTIATE_TEST_SUITE_P(
    of_keys, PolicyErrors,
    testing::Values(
        Case{"retain: 7d", "retian: 7d", "f:11:5: unknown key 'retian' in layers.pitr",
             "did you mean 'retain'?"},
        Case{"name: app", "nmae: app", "f:2:1: unknown key 'nmae' in the policy",
             "did you mean 'name'?"},
        Case{"name: app", "name: app\ncolour: red", "f:3:1: unknown key 'colour' in the policy",
             "allowed: version, name"},
        Case{"name: app", "name: app\nname: app", "f:3:1: 'name' is given twice in the policy",
             "line 2"},
        Case{"  dumps:", "    nightly: { at: 04:00, retain: 3d }\n  dumps:",
             "f:16:5: 'nightly' is given twice in layers.snapshots", "line 13"},
        Case{"name: app\n", "", "f:1:1: the policy lacks the key 'name'", "add name: app"},
        Case{"    retain: 7d", "    receive: { slot: a }",
             "f:11:5: layers.pitr lacks the key 'retain'", "add retain: 7d"},
        Case{"  dumps:", "  files: {}\n  dumps:",
             "f:16:3: 'layers.files' is not carried by this build yet (Uploaded files in S3: "
             "versioning, replication, "
             "retention by tag.)",
             "uncovered"},
        Case{"      at: 03:30", "      replica: x\n      at: 03:30",
             "f:18:16: layers.dumps.nightly.replica is a text (allowed: keys: store, key, by, "
             "within, endpoint, region, profile)",
             ""}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    of_watching, PolicyErrors,
    testing::Values(
        Case{"name: app", "name: app\nmonitor: { slack: { webhook: env:A } }",
             "f:3:19: monitor.slack lacks the key 'channel'", "add channel: \"#ops\""},
        Case{"name: app",
             "name: app\nmonitor: { slack: { webhook: \"https://hooks.example/T/B/x\", "
             "channel: a } }",
             "f:3:30: monitor.slack.webhook: this is not the place of a secret (allowed: env:NAME "
             "or file:/path)",
             "secrets never stand in a policy"},
        Case{"name: app", "name: app\nmonitor: { email: { server: mail, from: a, to: [b] } }",
             "f:3:29: monitor.email.server is not a mail server", "smtps://host:465"},
        Case{"name: app",
             "name: app\nmonitor: { email: { server: smtp://a, from: a, to: [b], user: c } }",
             "f:3:63: monitor.email has a user or a password, but not both", "give both"},
        Case{"name: app", "name: app\nmonitor: { fire_drill: 10:00 }",
             "f:3:24: fire_drill names no day of the week", "Mon 10:00"},
        Case{"name: app", "name: app\nmonitor: { repeat_every: 1s }",
             "f:3:26: repeat_every is from 1m to 7d", ""},
        Case{"name: app", "name: app\nrun: { listen: 9187 }",
             "f:3:16: run.listen: '9187' is not an address and a port (allowed: an address and a "
             "port, such as 127.0.0.1:9187)",
             "write 127.0.0.1:9187"},
        Case{"name: app", "name: app\nrun: { listen: \"a:70000\" }",
             "f:3:16: run.listen: 'a:70000' is not an address and a port (allowed: an address and "
             "a port, such as 127.0.0.1:9187)",
             ""},
        Case{"name: app", "name: app\ndrill: { memory: 5 }",
             "f:3:18: drill.memory: '5' is not a size (allowed: a size such as 100MB or 1GiB)",
             "100MB"},
        Case{"name: app", "name: app\ndrill: { checks: [{ name: a, sql: b }] }",
             "f:3:19: drill.checks lacks the key 'expect'", "add expect"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    of_buckets, PolicyErrors,
    testing::Values(
        Case{"file:///backup/repository", "file:///a\n  lock: { mode: compliance, for: 200d }",
             "f:9:9: repository.lock needs a bucket: a folder cannot be locked", "s3://"},
        Case{"file:///backup/repository",
             "s3://a-repository\n  lock: { mode: compliance, for: 30d }",
             "f:9:34: repository.lock.for of 30 days is not longer than the retention of nightly, "
             "30 days: no block could ever be shared",
             "60d"},
        Case{"file:///backup/dumps", "s3://a-dumps\n      lock: { mode: governance, for: 90d }",
             "f:21:38: layers.dumps.nightly.lock.for of 90 days is not shorter than the retention "
             "of 90 days",
             "lock for less"},
        Case{"file:///backup/dumps",
             "file:///backup/dumps\n      lock: { mode: governance, for: 9d }",
             "f:21:13: layers.dumps.nightly.lock needs a bucket: a folder cannot be locked",
             "s3://"},
        Case{"file:///backup/dumps",
             "file:///backup/dumps\n      encryption: { mode: sse-kms, key: env:A }",
             "f:21:27: layers.dumps.nightly.encryption.mode is sse-kms, but its store is a folder",
             "mode: client"},
        Case{"file:///backup/dumps",
             "s3://a-dumps\n      encryption: { mode: sse-kms, key: file:/a }",
             "f:21:41: layers.dumps.nightly.encryption: with sse-kms the service takes one AWS KMS "
             "key",
             "mode: client"},
        Case{"file:///backup/dumps",
             "s3://a-dumps\n      encryption: { mode: sse-kms, key: env:A, also: [env:B] }",
             "f:21:54: layers.dumps.nightly.encryption: with sse-kms the service takes one AWS KMS "
             "key",
             "mode: client"},
        Case{
            "file:///backup/dumps",
            "s3://dumps-us-east-1\n      replica: { store: s3://copies-us-east-1 }",
            "f:21:25: layers.dumps.nightly.replica.store: 's3://copies-us-east-1' is in the region "
            "of its source, us-east-1",
            "another one"},
        Case{"file:///backup/dumps",
             "s3://dumps-us-east-1\n      encryption: { key: env:A }\n      replica: { store: "
             "s3://copies-us-east-2 }",
             "f:22:16: layers.dumps.nightly.replica has no key of its own",
             "BACKUP_KMS_REPLICA_KEY_ID"},
        Case{"file:///backup/dumps",
             "s3://dumps-us-east-1\n      replica: { store: s3://copies-us-east-2, key: env:A }",
             "f:21:53: layers.dumps.nightly.replica.key is of no use: the dumps are not encrypted",
             "take the key out"},
        Case{"file:///backup/dumps",
             "s3://dumps-us-east-1\n      replica: { store: file:///copies, by: store }",
             "f:21:45: layers.dumps.nightly.replica.by is store, but a folder replicates nothing",
             "by: seawall"},
        Case{
            "store: file:///backup/repository\nlayers:\n  pitr:\n    retain: 7d\n  snapshots:\n    "
            "nightly:\n      at: 03:00\n      retain: 30d\n  dumps:\n    nightly:\n      at: "
            "03:30\n  "
            "    retain: 90d\n      store: file:///backup/dumps",
            "store: s3://one/a\nlayers:\n  dumps:\n    nightly:\n      at: 03:30\n      retain: "
            "90d\n      store: s3://one/b",
            "f:14:14: layers.dumps.nightly.store and repository.store share the bucket one",
            "give each its own"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    of_values, PolicyErrors,
    testing::Values(
        Case{"version: 1", "version: 2",
             "f:1:10: version: 2 is out of range (allowed: the number 1)", ""},
        Case{"version: 1", "version: '1'", "f:1:10: version: '1' is a text (allowed: the number 1)",
             "quotes"},
        Case{"version: 1", "version: one",
             "f:1:10: version: 'one' is not a whole number (allowed: the number 1)", ""},
        Case{"version: 1", "version: [1]", "f:1:10: version is a list (allowed: the number 1)", ""},
        Case{"name: app", "name: My App",
             "f:2:7: name: 'My App' does not fit (allowed: 1 to 40 of the letters a-z, 0-9, _ and "
             "-)",
             ""},
        Case{"name: app", "name:",
             "f:2:1: name is nothing (allowed: 1 to 40 of the letters a-z, 0-9, _ and -)", ""},
        Case{"Asia/Singapore", "Asia/Singapor",
             "f:3:11: timezone: 'Asia/Singapor' is not a time zone (allowed: an IANA time zone "
             "such as Asia/Singapore)",
             "did you mean 'Asia/Singapore'?"},
        Case{"retain: 7d", "retain: 7 days",
             "f:11:13: layers.pitr.retain: '7 days' is not a duration (allowed: a duration such as "
             "7d)",
             "one unit"},
        Case{"at: 03:00", "at: 25:00",
             "f:14:11: layers.snapshots.nightly.at: '25:00' is not a time of day (allowed: a time "
             "such as \"03:00\" or \"Sun 03:00\")",
             "from 00:00 to 23:59"},
        Case{"at: 03:00", "at: Son 03:00",
             "f:14:11: layers.snapshots.nightly.at: 'Son' is not a day of the week (allowed: a "
             "time such as \"03:00\" or \"Sun "
             "03:00\")",
             "did you mean 'Sun'?"},
        Case{"at: 03:00", "every: 10s",
             "f:14:14: layers.snapshots.nightly.every: '10s' is not an interval from 1m to 1d "
             "(allowed: an interval from 1m to 1d, "
             "such as 15m)",
             "time of day"},
        Case{"  url: postgresql:///app", "  url: postgresql:///app\n  provider: rds",
             "f:6:13: database.provider: 'rds' is not carried by this build yet (allowed: native)",
             "uncovered"},
        Case{"  url: postgresql:///app", "  url: postgresql:///app\n  provider: natve",
             "f:6:13: database.provider: 'natve' is not known (allowed: native)",
             "did you mean 'native'?"},
        Case{"postgresql:///app", "postgresql://me:hunter2@db/app",
             "f:5:8: database.url: the connection URI holds a password (allowed: postgresql://..., "
             "env:NAME or file:/path)",
             "env:NAME"},
        Case{"  url: postgresql:///app", "  url: postgresql:///app\n  access: replication",
             "f:7:19: database.data_directory is of no use with access: replication",
             "take it out: the server sends its files by itself"},
        Case{"data_directory: /data", "data_directory: data",
             "f:6:19: database.data_directory: 'data' is not an absolute path (allowed: an "
             "absolute path)",
             ""},
        Case{"file:///backup/repository", "file:///",
             "f:8:10: repository.store: 'file:///' is the root of the file system (allowed: a "
             "place such as file:///var/backups/app or s3://bucket/prefix)",
             "name a folder"},
        Case{"file:///backup/repository", "s3://B",
             "f:8:10: repository.store: 's3://B' names no bucket (allowed: a place such as "
             "file:///var/backups/app or s3://bucket/prefix)",
             "write s3://bucket"},
        Case{"name: app", "name: app\ns3: { endpoint: s3.example.net }",
             "f:3:17: s3.endpoint: 's3.example.net' is not the address of a service (allowed: "
             "https://host or http://host:port)",
             ""},
        Case{"name: app", "name: app\ns3: { deadline: 2h }", "f:3:17: s3.deadline is from 1s to 1h",
             "an outage"},
        Case{"file:///backup/repository", "s3://a-bucket\n  encryption: { key: backup }",
             "f:9:22: repository.encryption.key: 'backup' is not a key (allowed: env:NAME, "
             "file:/path, aws-kms:KEY or vault:MOUNT/KEY)",
             "aws-kms:KEY"},
        Case{
            "file:///backup/repository", "s3://a-bucket\n  encryption: { key: env:A, also: [b] }",
            "f:9:36: repository.encryption.also: 'b' is not a key (allowed: a list of keys such as "
            "[env:BACKUP_KMS_KEY_ID])",
            ""},
        Case{"      store: file:///backup/dumps",
             "      store: file:///backup/dumps\n      roles_with_passwords: yes",
             "f:21:29: layers.dumps.nightly.roles_with_passwords: 'yes' is not true or false "
             "(allowed: true or false)",
             "did you mean 'true'?"},
        Case{"      store: file:///backup/dumps",
             "      store: file:///backup/dumps\n      options: { no_owner: false }",
             "f:21:28: layers.dumps.nightly.options.no_owner: false is not carried by this build "
             "yet (allowed: true)",
             ""},
        Case{"      store: file:///backup/dumps",
             "      store: file:///backup/dumps\n      options: { compress: 10 }",
             "f:21:28: layers.dumps.nightly.options.compress: 10 is out of range (allowed: a whole "
             "number from 0 to 9)",
             ""},
        Case{"[public.sessions]", "[sessions]",
             "f:22:13: exclude.rows_of: 'sessions' names no schema (allowed: a list of table "
             "patterns such as [public.sessions])",
             "did you mean 'public.sessions'?"},
        Case{"[public.sessions]", "public.sessions",
             "f:22:12: exclude.rows_of is a text (allowed: a list of table patterns such as "
             "[public.sessions])",
             ""},
        Case{"name: app", "name: app\nuncovered: [uploads]",
             "f:3:13: uncovered is a text (allowed: keys: what, why)", ""},
        Case{"    nightly:\n      at: 03:00\n      retain: 30d", "    at: 03:00\n    retain: 30d",
             "f:13:5: 'at' stands where the name of a tier is wanted", "put a name above it"},
        Case{"    nightly:\n      at: 03:00", "    every night:\n      at: 03:00",
             "f:13:5: 'every night' is not a name for a tier (allowed: 1 to 40 of the letters a-z, "
             "0-9, _ and -)",
             ""}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    of_values_together, PolicyErrors,
    testing::Values(
        Case{"      at: 03:00\n      retain: 30d", "      at: 03:00\n      retain: 12h",
             "f:15:15: layers.snapshots.nightly: the retention of 12 hours is shorter than the 1 "
             "day from one slot to the next",
             "keep for at least 1d"},
        Case{"      at: 03:00\n      retain: 30d", "      at: Sun 03:00\n      retain: 6d",
             "f:15:15: layers.snapshots.nightly: the retention of 6 days is shorter than the 7 "
             "days from one slot to the next",
             "keep for at least 7d"},
        Case{"      at: 03:00\n      retain: 30d", "      every: 1m\n      retain: 1y",
             "f:15:15: layers.snapshots.nightly: 1 year at this cadence would keep 525600 restore "
             "points, more than 50000",
             "less often"},
        Case{"at: 03:00", "at: 03:00\n      every: 6h",
             "f:15:14: layers.snapshots.nightly has both 'at' and 'every'", "keep one"},
        Case{"      at: 03:00\n", "",
             "f:14:7: layers.snapshots.nightly says neither 'at' nor 'every'", "add at"},
        Case{"at: 03:00", "at: 03:00\n      finish_within: 25h",
             "f:15:22: layers.snapshots.nightly: 25 hours to finish is longer than the 1 day from "
             "one slot to the next",
             "at most 1d"},
        Case{"at: 03:00", "at: 03:00\n      start_within: 3h",
             "f:15:21: layers.snapshots.nightly: 3 hours to start is longer than the 2 hours to "
             "finish",
             "at most 2h"},
        Case{"file:///backup/dumps", "file:///backup/repository/",
             "f:20:14: layers.dumps.nightly.store and repository.store share a place: "
             "/backup/repository and /backup/repository",
             "a folder of its own"},
        Case{"file:///backup/dumps", "file:///backup//repository/dumps",
             "f:20:14: layers.dumps.nightly.store and repository.store share a place: "
             "/backup/repository/dumps and /backup/repository",
             "a folder of its own"},
        Case{"file:///backup/repository", "file:///data/repository",
             "f:8:10: repository.store and database.data_directory share a place: /data/repository "
             "and /data",
             "a folder of its own"},
        Case{"exclude:",
             "    weekly: { at: Sun 04:00, retain: 30d, store: file:///backup/dumps }\nexclude:",
             "f:21:50: layers.dumps.weekly.store and layers.dumps.nightly.store share a place: "
             "/backup/dumps and /backup/dumps",
             "a folder of its own"},
        Case{"  snapshots:\n    nightly:\n      at: 03:00\n      retain: 30d\n", "",
             "f:11:5: layers.pitr has no snapshots to start from", "WAL alone"},
        Case{"    retain: 7d",
             "    retain: 7d\n    receive: { slot: a, flush: 2m }\nobjectives: { rpo: 1m "
             "}\nlayers_end:",
             "f:14:1: unknown key 'layers_end' in the policy", ""},
        Case{"  snapshots:\n    nightly:\n      at: 03:00\n      retain: 30d\n",
             "  snapshots: {}\n", "f:12:14: layers.snapshots has no tier", "add one"}),
    name_of);

TEST(PolicyErrors, name_a_flush_that_breaks_the_rpo) {
  std::string text(good);
  text.replace(text.find("    retain: 7d"), 14,
               "    retain: 7d\n    receive: { slot: a, flush: 2m }");
  const base::Error failure =
      error_of([&] { (void)parse(text + "objectives: { rpo: 1m }\n", "f"); });
  EXPECT_EQ(failure.message(),
            "f:12:32: layers.pitr.receive.flush of 2 minutes is longer than the rpo of 1 minute");
  EXPECT_EQ(failure.hint(), "allow at most 1m");
}

TEST(PolicyErrors, name_a_policy_that_backs_up_nothing) {
  EXPECT_EQ(error_of([] { (void)parse("# nothing\n", "f"); }).message(),
            "f:1:1: the policy is empty");
  EXPECT_EQ(error_of([] { (void)parse("- a\n", "f"); }).message().substr(0, 28),
            "f:1:1: the policy is a list ");
  std::string text(good);
  text.replace(text.find("layers:"), text.find("exclude:") - text.find("layers:"), "layers: {}\n");
  EXPECT_EQ(error_of([&] { (void)parse(text, "f"); }).message(),
            "f:9:9: layers names no layer, so nothing would be backed up");
}

TEST(PolicyErrors, do_not_repeat_a_secret_wherever_it_stands) {
  for (const char* value : {"host=db password=hunter2", "[postgresql://me:hunter2@db]",
                            "postgresql://me:hunter2@db/app", "{ a: hunter2 }"}) {
    std::string text(good);
    text.replace(text.find("postgresql:///app"), 17, value);
    const base::Error failure = error_of([&] { (void)parse(text, "f"); });
    EXPECT_EQ((failure.message() + failure.hint()).find("hunter2"), std::string::npos)
        << failure.message();
  }
}

}  // namespace
}  // namespace policy
