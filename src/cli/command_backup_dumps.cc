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

std::string describe(const layers::DumpProgress& progress) {
  const std::string_view phase = progress.phase.load();
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
  fmt::print("sha256 {}\n", record.sha256);
  if (!record.left_out.empty())
    fmt::print("rows left out, as the policy says: {}\n", fmt::join(record.left_out, ", "));
  if (!record.offsets)
    fmt::print("its table of contents is too large for offsets: pg_restore -j begins slowly\n");
  for (const std::string& warning : record.warnings) fmt::print("WARNING: {}\n", warning);
}

void backup_dumps(const Globals& globals, const DumpOptions& options) {
  app::Context context = globals.context();
  layers::DumpProgress progress;
  const base::Stopwatch watch;
  ProgressLine line(globals, [&] { return describe(progress); });
  const app::DumpOrder order{.slot_of = options.tier,
                             .like = options.like,
                             .again = options.again,
                             .programs = options.programs};
  const std::optional<repository::DumpRecord> taken =
      app::run_dump(context, order, progress, globals.token());
  line.finish();
  if (!taken) {
    if (globals.json) return print_json(nullptr);
    fmt::print("the slot has its dump already\n");
    return;
  }
  if (globals.json) {
    print_json(to_json(*taken));
  } else {
    const std::string tier = options.tier.value_or(options.like);
    print_dump(*taken, context.dump_store(context.dump_tier(tier).tier.name).url(), watch);
  }
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
