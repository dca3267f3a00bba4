#include "cli/command.h"
#include "layers/dump/restore_dump.h"

namespace cli {

namespace {

struct RestoreDumpOptions {
  std::string wanted;
  std::string into;
  std::string tier;
  std::string owner;
  std::string programs;
  unsigned jobs = 1;
  bool create = false;
  bool no_globals = false;
  bool from_replica = false;
};

std::string describe(const layers::RestoreDumpProgress& progress) {
  const std::string_view phase = progress.phase.load();
  if (phase == "checking")
    return "restore: checking " + share(progress.bytes_checked, progress.bytes_total);
  if (phase == "comparing")
    return fmt::format("restore: {} of {} relations compared", progress.relations_compared.load(),
                       progress.relations_total.load());
  return fmt::format("restore: {}", phase);
}

void print_comparison(const layers::RestoredDump& restored) {
  std::vector<std::vector<std::string>> rows = {{"relation", "recorded", "restored", ""}};
  for (const layers::Compared& one : restored.compared) {
    const char* verdict = one.same ? "same" : one.may_differ ? "refreshed" : "DIFFERS";
    rows.push_back({one.what, one.recorded, one.found, verdict});
  }
  print_table(rows);
}

base::Json to_json(const repository::DumpRecord& record, const layers::RestoredDump& restored,
                   const base::Stopwatch& watch) {
  base::Json compared = base::Json::array();
  for (const layers::Compared& one : restored.compared)
    compared.push_back({{"relation", one.what},
                        {"recorded", one.recorded},
                        {"restored", one.found},
                        {"same", one.same},
                        {"may_differ", one.may_differ}});
  return {{"dump", record.name.text()},      {"snapshot_at", base::to_rfc3339(record.snapshot_at)},
          {"same", restored.same()},         {"roles_made", restored.roles_made},
          {"notes", restored.notes},         {"compared", compared},
          {"total_seconds", watch.seconds()}};
}

void restore_dump(Globals& globals, const RestoreDumpOptions& options) {
  app::Context context = globals.context();
  const policy::DumpTier& tier = context.dump_tier(options.tier);
  std::optional<app::ReplicaPlace> replica;
  if (options.from_replica) replica = app::open_replica(context, tier);
  storage::ObjectStore& store = replica ? replica->in_clear() : context.dump_store(tier.tier.name);
  layers::RestoreDumpRequest request{
      .name = repository::find_dump(repository::list_dumps(store, globals.token()),
                                    context.cluster_database(), options.wanted),
      .url = options.into,
      .jobs = options.jobs,
      .owner = {},
      .create = options.create,
      .globals = !options.no_globals,
      .programs = {}};
  if (!options.owner.empty()) request.owner = options.owner;
  if (!options.programs.empty()) request.programs = options.programs;
  const repository::DumpRecord record =
      repository::read_record(store, request.name, globals.token());

  layers::RestoreDumpProgress progress;
  const base::Stopwatch watch;
  ProgressLine line(globals, [&] { return describe(progress); });
  const layers::RestoredDump restored =
      layers::restore_dump(store, record, request, progress, globals.token());
  line.finish();
  if (globals.json) {
    print_json(to_json(record, restored, watch));
  } else {
    print_comparison(restored);
    for (const std::string& note : restored.notes) fmt::print("note: {}\n", note);
    fmt::print("{} of {} is restored in {}\n", record.name.text(),
               base::to_rfc3339(std::chrono::floor<std::chrono::seconds>(record.snapshot_at)),
               base::human_duration(watch.elapsed()));
  }
  if (restored.same()) return;
  fmt::print(stderr, "seawall: error: what was restored is not what was recorded\n");
  globals.exit_code = base::exit_code(base::ErrorKind::corrupt);
}

}  // namespace

void add_restore_dump(CLI::App& restore, Globals& globals) {
  CLI::App* command =
      restore.add_subcommand("dump", "bring a logical dump back, into an empty database");
  auto options =
      std::make_shared<RestoreDumpOptions>();  // outlives this function with the callback
  command
      ->add_option("dump", options->wanted,
                   "its day (2026-11-22), its name, or 'latest'; 'seawall list' shows them")
      ->type_name("DATE")
      ->required();
  command->add_option("--into", options->into, "the database to be, as a libpq URI")
      ->type_name("URL")
      ->required();
  command->add_option("-j,--jobs", options->jobs, "connections of pg_restore")
      ->type_name("N")
      ->check(CLI::Range(1u, 256u));
  command->add_option("--owner", options->owner, "give everything to this role, which is there")
      ->type_name("ROLE");
  command->add_flag("--create", options->create, "make the database first, as the dumped one was");
  command->add_flag("--no-globals", options->no_globals,
                    "without the recorded roles, owners, grants and settings");
  command->add_flag("--from-replica", options->from_replica,
                    "from the tier's replica alone, with its key: the first region may be gone");
  command->add_option("--tier", options->tier, "which tier of the policy, where there are several")
      ->type_name("NAME");
  command->add_option("--pg-bin", options->programs, "where pg_restore is")->type_name("FOLDER");
  command->footer(
      "Examples:\n"
      "  seawall restore dump latest --into postgresql:///breezycorp_copy --create -j 4\n"
      "  seawall restore dump 2026-11-22 --into postgresql://postgres@new-host/breezycorp\n"
      "  seawall restore dump latest --from-replica --into postgresql:///breezycorp --create");
  command->callback([&globals, options] { restore_dump(globals, *options); });
}

}  // namespace cli
