#include "app/probe.h"
#include "cli/command.h"

namespace cli {

namespace {

void write_once(Globals& globals) {
  app::Context context = globals.context();
  const repository::ProbeRecord record = app::probe_write_once(context, globals.token());
  globals.exit_code = app::exit_code(record);
  if (globals.json) return print_json(to_json(record));
  for (const repository::StoreProbe& store : record.stores) {
    fmt::print("{}: with this credential, on {}\n", store.url, store.canary);
    std::vector<std::vector<std::string>> rows = {{"tried to", "outcome", ""}};
    for (const repository::ProbeStepRecord& step : store.steps)
      rows.push_back({step.what, step.outcome, step.detail});
    print_table(rows);
  }
}

}  // namespace

void add_probe(CLI::App& program, Globals& globals) {
  CLI::App* command = program.add_subcommand("probe", "try what must be refused");
  command->require_subcommand(1);
  CLI::App* once = command->add_subcommand(
      "write-once",
      "overwrite, delete, unlock, reconfigure: with the writer's own credential, on canaries only");
  once->footer(
      "Outcomes: refused, as it must be; harmless, let pass and the canary is what it was; lost, "
      "allowed: somebody with\n"
      "this credential can destroy backups; unproven, it could not be tried.\n"
      "Exit status: 0 refused or harmless, 1 unproven, 2 lost or allowed.");
  once->callback([&globals] { write_once(globals); });
}

}  // namespace cli
