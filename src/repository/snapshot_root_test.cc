#include "repository/snapshot_root.h"

#include "repository/json_object.h"
#include "testing/dice.h"
#include "testing/errors.h"
#include "testing/sample_repository.h"

namespace repository {
namespace {

SnapshotRoot any_root() {
  testing::Dice dice(3);
  SnapshotRoot root{.id = "20261122T190000Z", .run = "20261122T190002Z-0011aabb"};
  root.slot = base::from_rfc3339("2026-11-22T19:00:00Z");
  root.tiers = {"nightly", "weekly"};
  root.epoch = {2};
  root.system_identifier = UINT64_MAX;
  root.major = 15;
  root.catalog_version = 202209061;
  root.segment_bytes = 16 * base::MiB;
  root.checksums = true;
  root.base = "20261121T190000Z";
  root.from = "standby";
  root.access = "replication";
  root.started = base::from_rfc3339("2026-11-22T19:00:02.5Z");
  root.stopped = base::from_rfc3339("2026-11-22T19:01:02.123456Z");
  root.timeline = {4};
  root.start_lsn = {0x100000028};
  root.checkpoint_lsn = {0x100000060};
  root.stop_lsn = {0x100000100};
  root.backup_label = "START WAL LOCATION: 1/28\nLABEL: \"quoted\" \\ ü\n";
  root.tablespace_map = "16400 /mnt/a b\\\n";
  root.control_file = dice.noise(292);
  root.tablespaces = {{16400, "/mnt/a b"}, {16401, ""}};
  root.external = {{"external/000/postgresql.conf", "/etc/postgresql/15/main/postgresql.conf"}};
  root.bootstrap_role = "postgres";
  root.settings = {100, 8, 10, 0, 64};
  root.totals = {3, 1'000'000'000'000, 122'070'313, 5, 6};
  root.shards = {{.key = "shards/0002/r/000000.zst",
                  .first = "",
                  .files = 2,
                  .blocks = 3,
                  .size = 4,
                  .digest = {},
                  .prefix = "shards/0002/q/000000.zst"}};
  std::ranges::copy(dice.noise(16), root.shards[0].digest.bytes.begin());
  root.packs = {{new_pack_id(root.started), 10, 20, 15}};
  root.damaged = {{"base/5/16384", 7}};
  root.suspects = {{"base/5/16385.1", UINT32_MAX}};
  return root;
}

TEST(SnapshotRoot, is_read_as_it_was_written) {
  const base::Json json = to_json(any_root());
  EXPECT_EQ(to_json(snapshot_root_from(json)), json);
  SnapshotRoot bare;
  EXPECT_EQ(to_json(snapshot_root_from(to_json(bare))), to_json(bare));
}

TEST(SnapshotRoot, knows_no_member_that_it_does_not_keep) {
  // Each fact of the root changes the JSON, so that none is forgotten on the way.
  const base::Json json = to_json(any_root());
  for (const char* name : {"id",
                           "run",
                           "slot",
                           "tiers",
                           "epoch",
                           "system_identifier",
                           "major",
                           "catalog_version",
                           "segment_bytes",
                           "checksums",
                           "base",
                           "from",
                           "access",
                           "started",
                           "stopped",
                           "timeline",
                           "start_lsn",
                           "checkpoint_lsn",
                           "stop_lsn",
                           "backup_label",
                           "tablespace_map",
                           "control_file",
                           "tablespaces",
                           "external",
                           "bootstrap_role",
                           "settings",
                           "totals",
                           "shards",
                           "packs",
                           "damaged",
                           "suspects"}) {
    EXPECT_TRUE(json.contains(name)) << name;
    EXPECT_NE(json.at(name), to_json(SnapshotRoot{}).at(name)) << name;
  }
  EXPECT_EQ(json.size(), 31u);
}

// Whatever a strange writer put there, behind a digest that is right.
TEST(SnapshotRoot, is_corrupt_when_a_member_is_missing_or_strange) {
  const base::Json good = to_json(any_root());
  const std::vector<base::Json> strangers = {nullptr,
                                             -1,
                                             1.5,
                                             true,
                                             "",
                                             "x",
                                             "2026-11-22",
                                             "1/2/3",
                                             std::string(31, 'a'),
                                             base::Json::array(),
                                             base::Json::object(),
                                             base::Json::array({1}),
                                             base::Json::array({base::Json::object()}),
                                             {{"a", 1}}};
  for (const auto& [name, value] : good.items()) {
    base::Json json = good;
    json.erase(name);
    if (name != "slot" && name != "base" && name != "access") {
      EXPECT_ERROR(corrupt, snapshot_root_from(json)) << name;
    }
    for (const base::Json& stranger : strangers) {
      json = good;
      json[name] = stranger;
      try {
        snapshot_root_from(json);
      } catch (const base::Error& failure) {
        EXPECT_EQ(failure.kind(), base::ErrorKind::corrupt)
            << name << " " << stranger << " " << failure.message();
      }
    }
  }
  EXPECT_ERROR(corrupt, snapshot_root_from(base::Json(nullptr)));
  EXPECT_ERROR(corrupt, snapshot_root_from(base::Json::array({1, 2})));
}

TEST(SnapshotRoot, is_not_taken_for_another) {
  testing::SampleRepository sample;
  SnapshotRoot root = any_root();
  root.epoch = sample.epoch.number;
  sample.repository.put_json(snapshot_key(root.epoch, root.id), "snapshot", to_json(root), {});
  EXPECT_EQ(read_snapshot(sample.repository, root.epoch, root.id, {}).run, root.run);
  EXPECT_EQ(snapshot_ids(sample.repository, root.epoch, {}), (std::vector<std::string>{root.id}));
  sample.store.replace("snapshots/0001/another.json",
                       sample.store.body(snapshot_key(root.epoch, root.id).text()));
  EXPECT_ERROR(corrupt, read_snapshot(sample.repository, root.epoch, "another", {}));
  EXPECT_ERROR(absent, read_snapshot(sample.repository, root.epoch, "none", {}));
}

}  // namespace
}  // namespace repository
