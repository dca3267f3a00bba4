#include "app/dump_run.h"
#include "cli/command.h"

namespace cli {

namespace {

struct DumpOptions {
  std::optional<std::string> tier;
  std::string like;
  std::optional<std::string> programs;
  bool again = false;
};

std::string describe(const layers::DumpProgress& progress, const app::ReplicaProgress& copying) {
  const std::string_view phase = progress.phase.load();
  if (phase == "done" && copying.bytes_total > 0)
    return "dump: copying to the replica, " + share(copying.bytes, copying.bytes_total);
  if (phase == "reading back")
    return "dump: " + std::string(phase) + ", " + share(progress.bytes_read_back, progress.bytes);
  if (phase != "dumping") return fmt::format("dump: {}", phase);
  return fmt::format("dump: {} written, {} of {} tables counted", base::human_bytes(progress.bytes),
                     progress.tables_counted.load(), progress.tables_total.load());
}

void print_dump(const repository::DumpRecord& record, const std::string& store,
                const base::Stopwatch& watch) {
  fmt::print("{} is stored in {}: {}, {} rows in {} relations, by pg_dump {}, in {}\n",
             record.name.text(), store, base::human_bytes(record.size), record.rows(),
             record.relations.size(), record.dump_version, base::human_duration(watch.elapsed()));
  if (record.sha256) {
    fmt::print("sha256 {}\n", *record.sha256);
  } else {
    fmt::print(
        "it was not read back, as this credential may not: 'seawall verify' does, with one that "
        "may\nsha256 of the first {} bytes {}, of the rest {}\n",
        record.offsets ? record.head_bytes : 0, record.head_sha256.value_or("-"),
        record.rest_sha256.value_or("-"));
  }
  if (!record.left_out.empty())
    fmt::print("rows left out, as the policy says: {}\n", fmt::join(record.left_out, ", "));
  if (!record.offsets)
    fmt::print("its table of contents is too large for offsets: pg_restore -j begins slowly\n");
  for (const std::string& warning : record.warnings) fmt::print("WARNING: {}\n", warning);
}

void backup_dumps(const Globals& globals, const DumpOptions& options) {
  app::Context context = globals.context();
  context.hold_back(app::caps_of(context.policy().limits));
  layers::DumpProgress progress;
  app::ReplicaProgress copying;
  const base::Stopwatch watch;
  ProgressLine line(globals, [&] { return describe(progress, copying); });
  std::optional<app::Slot> slot;
  if (options.tier)
    slot = app::newest_slot(context.policy(), policy::TieredLayer::dumps, *options.tier,
                            base::system_clock().now());
  const app::DumpOrder order{
      .slot = slot, .like = options.like, .again = options.again, .programs = options.programs};
  const app::DumpOutcome outcome =
      app::run_dump(context, order, progress, copying, globals.token());
  line.finish();
  if (globals.json) {
    base::Json json = outcome.record ? to_json(*outcome.record) : base::Json(nullptr);
    if (outcome.record && outcome.replica) json["replica"] = to_json(*outcome.replica);
    return print_json(json);
  }
  if (outcome.record) {
    const std::string tier = options.tier.value_or(options.like);
    print_dump(*outcome.record, context.dump_store(context.dump_tier(tier).tier.name).url(), watch);
  } else {
    fmt::print("the slot has its dump already\n");
  }
  if (outcome.replica) print_replica(*outcome.replica);
}

}  // namespace

void add_backup_dumps(CLI::App& backup, Globals& globals) {
  CLI::App* command = backup.add_subcommand("dumps", "take a logical dump of the database");
  auto options = std::make_shared<DumpOptions>();  // outlives this function with the callback
  CLI::Option* tier =
      command
          ->add_option("--tier", options->tier,
                       "for the newest slot of this tier of the policy; without it, one by hand")
          ->type_name("NAME");
  command
      ->add_option("--like", options->like,
                   "by hand, as this tier would: its store and options; where there are several")
      ->type_name("TIER")
      ->excludes(tier);
  command->add_flag("--again", options->again, "by hand, another one though the day has its dump")
      ->excludes(tier);
  command->add_option("--pg-bin", options->programs, "where pg_dump is")->type_name("FOLDER");
  command->footer(
      "Examples:\n  seawall backup dumps\n  seawall backup dumps --tier nightly    # from cron at "
      "03:30: a slot is run once, by whoever claims it");
  command->callback([&globals, options] { backup_dumps(globals, *options); });
}

}  // namespace cli
