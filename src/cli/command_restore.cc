#include "app/cluster_restore.h"
#include "cli/command.h"
#include "cli/restore_advice.h"
#include "cli/restore_target.h"
#include "policy/moment.h"

namespace cli {

namespace {

struct RestoreOptions {
  std::string to;
  TargetOptions target;
  std::vector<std::string> tablespaces;
  std::string configuration;
  std::string programs;
  bool delta = false;
  bool dry_run = false;
};

void restore(Globals& globals, const RestoreOptions& options) {
  app::Context context = globals.context();
  const repository::Repository repository = context.repository(globals.token());
  const layers::RestorePlan plan =
      layers::plan_restore(repository, plan_request(options.target), globals.token());
  app::ClusterRestore job;
  job.files = {.target = std::filesystem::absolute(options.to).lexically_normal(),
               .tablespaces = tablespace_places(options.tablespaces),
               .configuration = {},
               .delta = options.delta,
               .threads = context.threads()};
  const layers::RestoreRequest& request = job.files;
  if (!options.configuration.empty())
    job.files.configuration = std::filesystem::absolute(options.configuration);
  if (!options.programs.empty()) job.programs = options.programs;
  app::require_possible(plan, job);
  const layers::RestoreEstimate expected =
      layers::estimate(repository, plan, context.threads(), globals.token());
  if (globals.json && options.dry_run) {
    base::Json json = to_json(plan);
    json["expected_seconds"] =
        std::chrono::duration<double>(expected.files + expected.replay).count();
    return print_json(json);
  }
  if (!globals.json) print_plan(plan, expected, context.policy());
  if (options.dry_run) return;

  std::optional<layers::SavedWal> saved;
  if (options.delta) saved = layers::save_wal(request.target, base::system_clock().now());
  if (saved && !globals.json) fmt::print("{}", advice_on_saved_wal(*saved));

  app::ClusterRestoreProgress progress;
  ProgressLine line(globals, [&] { return progress.text(); });
  const app::RestoredCluster restored =
      app::restore_cluster(context, repository, plan, job, progress, globals.token());
  const layers::Recovered& recovered = restored.recovered;
  line.finish();
  if (globals.json) {
    print_json({{"plan", to_json(plan)},
                {"reached", to_string(recovered.reached)},
                {"last_commit", recovered.last_commit
                                    ? base::Json(base::to_rfc3339(*recovered.last_commit))
                                    : base::Json(nullptr)},
                {"timeline", recovered.timeline.value},
                {"emptied", recovered.emptied},
                {"saved_wal", saved ? base::Json(saved->folder.string()) : base::Json(nullptr)},
                {"files_seconds", std::chrono::duration<double>(restored.files_time).count()},
                {"replay_seconds", std::chrono::duration<double>(recovered.replay_time).count()},
                {"total_seconds", std::chrono::duration<double>(restored.total_time).count()}});
    return;
  }
  fmt::print("restored {} to {} in {}: files {}, replay {}\n", request.target.string(),
             to_string(recovered.reached), base::human_duration(restored.total_time),
             base::human_duration(restored.files_time),
             base::human_duration(recovered.replay_time));
  if (recovered.last_commit) {
    fmt::print("last transaction: {}\n",
               policy::describe_moment(*recovered.last_commit, context.policy().timezone));
  }
  if (!recovered.emptied.empty())
    fmt::print("emptied, as the policy says: {}\n", fmt::join(recovered.emptied, ", "));
  fmt::print("{}", advice_to_start(plan.snapshot, request.target, request.configuration));
}

}  // namespace

void add_restore(CLI::App& program, Globals& globals) {
  CLI::App* command =
      program.add_subcommand("restore", "bring the cluster back, to a moment, into a folder");
  add_restore_dump(*command, globals);
  add_restore_table(*command, globals);
  auto options = std::make_shared<RestoreOptions>();  // outlives this function with the callback
  command->add_option("--to", options->to, "the data directory to be")->type_name("FOLDER");
  CLI::Option_group* target = add_target(*command, options->target);
  command->add_option("--tablespace", options->tablespaces, "another place for a tablespace")
      ->type_name("OID=FOLDER");
  command
      ->add_option("--configuration", options->configuration,
                   "where configuration files from outside the data directory go")
      ->type_name("FOLDER");
  command->add_option("--pg-bin", options->programs, "where the server's programs are")
      ->type_name("FOLDER");
  command->add_flag("--delta", options->delta,
                    "onto the data directory that is there: fetch only what differs");
  command->add_flag("--dry-run", options->dry_run, "show the plan and stop");
  command->footer(
      "Examples:\n"
      "  seawall restore --at \"2026-11-22 14:03:07 Asia/Singapore\" --to "
      "/var/lib/postgresql/15/restored --dry-run\n"
      "  seawall restore --at latest --to /var/lib/postgresql/15/main --delta");
  command->callback([&globals, command, target, options] {
    if (!command->get_subcommands().empty()) return;  // they have their own
    if (command->count("--to") == 0) throw CLI::RequiredError("--to");
    if (target->count_all() == 0)
      throw CLI::RequiredError("one of --at, --snapshot, --lsn, --xid, --name");
    restore(globals, *options);
  });
}

}  // namespace cli
