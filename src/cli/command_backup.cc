#include "app/snapshot_run.h"
#include "cli/command.h"

namespace cli {

namespace {

std::string describe(const layers::SnapshotProgress& progress) {
  const std::string_view phase = progress.phase.load();
  if (phase != "reading") return fmt::format("snapshot: {}", phase);
  return fmt::format("snapshot: read {}, {} new", share(progress.bytes_read, progress.bytes_total),
                     base::human_bytes(progress.bytes_new));
}

void print_snapshot(const repository::SnapshotRoot& root, const base::Stopwatch& watch) {
  fmt::print(
      "snapshot {} is stored: {} in {} files, {} of it new, {} added to the repository, in {}\n",
      root.id, base::human_bytes(root.totals.bytes), root.totals.files,
      base::human_bytes(root.totals.new_bytes), base::human_bytes(root.totals.stored_bytes),
      base::human_duration(watch.elapsed()));
  if (!root.damaged.empty()) {
    fmt::print(
        "WARNING: {} pages have a wrong checksum, the first is block {} of {}: this is damage in "
        "the database itself\n",
        root.damaged.size(), root.damaged[0].block, root.damaged[0].path);
  }
  if (!root.suspects.empty()) {
    fmt::print(
        "WARNING: {} pages changed though their own LSN says they did not, the first is block {} "
        "of {}\n",
        root.suspects.size(), root.suspects[0].block, root.suspects[0].path);
  }
}

void backup_snapshot(Globals& globals, const std::optional<std::string>& tier) {
  app::Context context = globals.context();
  context.hold_back(app::caps_of(context.policy().limits));
  constexpr policy::TieredLayer layer = policy::TieredLayer::snapshots;
  const app::Slot slot =
      tier ? app::newest_slot(context.policy(), layer, *tier, base::system_clock().now())
           : app::slot_by_hand(layer);
  layers::SnapshotProgress progress;
  const base::Stopwatch watch;
  ProgressLine line(globals, [&] { return describe(progress); });
  const std::optional<repository::SnapshotRoot> taken =
      app::run_snapshot(context, slot, progress, globals.token());
  line.finish();
  if (!taken) {
    if (globals.json) return print_json(nullptr);
    fmt::print("the slot has its snapshot already\n");
    return;
  }
  const repository::SnapshotRoot& root = *taken;
  if (globals.json) {
    base::Json json = to_json(root);
    json.erase("shards");
    json.erase("packs");
    print_json(json);
  } else {
    print_snapshot(root, watch);
  }
}

}  // namespace

void add_backup(CLI::App& program, Globals& globals) {
  CLI::App* command = program.add_subcommand("backup", "run one layer now");
  command->require_subcommand(1);
  CLI::App* snapshots = command->add_subcommand("snapshots", "take a snapshot of the cluster");
  auto tier =
      std::make_shared<std::optional<std::string>>();  // outlives this function with the callback
  snapshots
      ->add_option("--tier", *tier,
                   "for the newest slot of this tier of the policy; without it, one by hand")
      ->type_name("NAME");
  snapshots->footer(
      "Examples:\n  seawall backup snapshots\n  seawall backup snapshots --tier nightly    # from "
      "cron at 03:00: a slot is run once, by whoever claims it");
  snapshots->callback([&globals, tier] { backup_snapshot(globals, *tier); });
  add_backup_dumps(*command, globals);
}

}  // namespace cli
