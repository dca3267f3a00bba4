#include "app/replica.h"
#include "cli/command.h"

namespace cli {

void print_replica(const app::ReplicaReport& report) {
  if (report.by == policy::Copier::store) {
    fmt::print("copied to {} by the service's own replication; 'seawall status' looks at it\n",
               report.url);
    return;
  }
  if (!report.copied.empty())
    fmt::print("copied to {}: {}\n", report.url, fmt::join(report.copied, ", "));
  for (const std::string& failed : report.failed)
    fmt::print("WARNING: not copied to {}: {}\n", report.url, failed);
  if (report.copied.empty() && report.failed.empty()) fmt::print("{} has them all\n", report.url);
}

namespace {

void replicate_dumps(Globals& globals, const std::string& only) {
  app::Context context = globals.context();
  context.hold_back(app::caps_of(context.policy().limits));
  if (!only.empty() && !context.dump_tier(only).replica)
    app::open_replica(context, context.dump_tier(only));  // throws what is wrong
  app::ReplicaProgress progress;
  ProgressLine line(globals,
                    [&] { return "replicate: " + share(progress.bytes, progress.bytes_total); });
  std::vector<app::ReplicaReport> reports;
  for (const policy::DumpTier& tier : context.policy().layers.dumps) {
    if (!only.empty() && tier.tier.name != only) continue;
    std::optional<app::ReplicaReport> report =
        app::replicate(context, tier, progress, globals.token());
    if (report) reports.push_back(std::move(*report));
  }
  line.finish();
  base::Json json = base::Json::array();
  for (const app::ReplicaReport& report : reports) {
    if (!globals.json) print_replica(report);
    json.push_back(to_json(report));
    if (report.kind && globals.exit_code == 0) globals.exit_code = base::exit_code(*report.kind);
  }
  if (globals.json) return print_json(json);
  if (reports.empty()) fmt::print("no tier of dumps has a replica\n");
}

}  // namespace

void add_replicate(CLI::App& program, Globals& globals) {
  CLI::App* command = program.add_subcommand("replicate", "bring copies to other regions");
  command->require_subcommand(1);
  CLI::App* dumps = command->add_subcommand(
      "dumps", "copy what a replica lacks: for a credential that may read dumps and write there");
  auto only = std::make_shared<std::string>();  // outlives this function with the callback
  dumps->add_option("--tier", *only, "of this tier of the policy alone")->type_name("NAME");
  dumps->footer(
      "'seawall backup dumps' does the same behind each dump, where its credential allows it.\n"
      "Exit status: 0 when nothing is missing, else that of the first failure.");
  dumps->callback([&globals, only] { replicate_dumps(globals, *only); });
}

}  // namespace cli
