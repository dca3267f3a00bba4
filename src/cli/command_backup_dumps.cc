#include "cli/command.h"
#include "layers/dump/take_dump.h"

namespace cli {

namespace {

struct DumpOptions {
  std::string tier;
  std::string programs;
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
  const policy::DumpTier& tier = context.dump_tier(options.tier);
  const std::unique_ptr<storage::ObjectStore> store = app::open_store(tier.store.url());
  layers::DumpRequest request{.url = app::connection_url(context.policy().database.connection),
                              .tier = tier.tier.name,
                              .slot = {},
                              .zone = context.policy().timezone,
                              .left_out = context.policy().exclude.rows_of,
                              .compress = tier.options.compress,
                              .roles_with_passwords = tier.roles_with_passwords,
                              .again = options.again,
                              .programs = {}};
  if (!options.programs.empty()) request.programs = options.programs;
  layers::DumpProgress progress;
  const base::Stopwatch watch;
  ProgressLine line(globals, [&] { return describe(progress); });
  const repository::DumpRecord record =
      layers::take_dump(*store, request, progress, globals.token());
  line.finish();
  if (globals.json) {
    print_json(to_json(record));
  } else {
    print_dump(record, store->url(), watch);
  }
}

}  // namespace

void add_backup_dumps(CLI::App& backup, Globals& globals) {
  CLI::App* command = backup.add_subcommand("dumps", "take a logical dump of the database");
  auto options = std::make_shared<DumpOptions>();  // outlives this function with the callback
  command->add_option("--tier", options->tier, "which tier of the policy, where there are several")
      ->type_name("NAME");
  command->add_flag("--again", options->again, "another one, though the day has its dump");
  command->add_option("--pg-bin", options->programs, "where pg_dump is")->type_name("FOLDER");
  command->footer("Example:\n  seawall backup dumps");
  command->callback([&globals, options] { backup_dumps(globals, *options); });
}

}  // namespace cli
