// One table as it was, into a live database.
#include "app/table_restore.h"
#include "cli/command.h"
#include "cli/restore_target.h"

namespace cli {

namespace {

struct RestoreTableOptions {
  std::string table;
  std::string as;
  std::string into;
  std::string database;
  std::string scratch;
  std::string programs;
  TargetOptions target;
  bool data_only = false;
};

void restore_table(Globals& globals, const RestoreTableOptions& options) {
  app::Context context = globals.context();
  app::TableRestore request;
  request.table = app::parse_table_name(options.table);
  request.as = options.as.empty()
                   ? app::TableName{request.table.schema, request.table.table + "_restored"}
                   : app::parse_table_name(options.as);
  if (options.as.empty() && options.data_only) request.as = request.table;
  request.database = options.database.empty() ? context.cluster_database() : options.database;
  request.into = options.into;
  request.data_only = options.data_only;
  request.scratch = options.scratch.empty() ? base::spool_folder() : base::Path(options.scratch);
  if (!options.programs.empty()) request.programs = options.programs;

  const repository::Repository repository = context.repository(globals.token());
  const layers::RestorePlan plan =
      layers::plan_restore(repository, plan_request(options.target), globals.token());
  app::ClusterRestoreProgress progress;
  ProgressLine line(globals, [&] { return progress.text(); });
  const app::RestoredTable restored =
      app::restore_table(context, repository, plan, request, progress, globals.token());
  line.finish();
  if (globals.json) {
    return print_json(
        {{"table", request.table.text()},
         {"as", request.as.text()},
         {"rows", restored.rows},
         {"left_out", restored.left_out},
         {"notes", restored.notes},
         {"reached", to_string(restored.recovered.reached)},
         {"last_commit", restored.recovered.last_commit
                             ? base::Json(base::to_rfc3339(*restored.recovered.last_commit))
                             : base::Json(nullptr)},
         {"total_seconds", std::chrono::duration<double>(restored.total_time).count()}});
  }
  for (const std::string& one : restored.left_out) fmt::print("left out: {}\n", one);
  for (const std::string& note : restored.notes) fmt::print("note: {}\n", note);
  fmt::print("{} rows of {} are in {}, as of {}, in {}\n", restored.rows, request.table.text(),
             request.as.text(), layers::describe(plan.target),
             base::human_duration(restored.total_time));
}

}  // namespace

void add_restore_table(CLI::App& restore, Globals& globals) {
  CLI::App* command = restore.add_subcommand(
      "table", "one table as it was, from a snapshot and the log, into a live database");
  auto options = std::make_shared<RestoreTableOptions>();  // outlives this function
  command->add_option("table", options->table, "with its schema: public.clients")
      ->required()
      ->type_name("TABLE");
  command->add_option("--into", options->into, "the database, as a libpq URI")
      ->required()
      ->type_name("URL");
  add_target(*command, options->target)->require_option(1);
  command
      ->add_option("--as", options->as,
                   "its name there; default public.clients_restored, or with --data-only its own")
      ->type_name("TABLE");
  command->add_flag("--data-only", options->data_only,
                    "add the rows to a table that is there, all or none of them");
  command->add_option("--database", options->database, "it was in; default the policy's")
      ->type_name("NAME");
  command
      ->add_option("--scratch", options->scratch,
                   "a folder with room for the whole cluster, for a while; default $TMPDIR or "
                   "/var/tmp")
      ->type_name("FOLDER");
  command->add_option("--pg-bin", options->programs, "where PostgreSQL's programs are")
      ->type_name("FOLDER");
  command->footer(
      "A table that is there is never written over. Foreign keys, triggers, rules and row security "
      "policies are left out, and listed.\n"
      "Examples:\n"
      "  seawall restore table public.clients --at \"2026-11-22 14:03:06 Asia/Singapore\" --into "
      "postgresql:///breezycorp\n"
      "  seawall restore table public.clients --lsn 0/A000090 --into postgresql:///breezycorp "
      "--as public.clients_before\n"
      "  seawall restore table public.clients --at latest --into postgresql:///breezycorp "
      "--data-only");
  command->callback([&globals, options] { restore_table(globals, *options); });
}

}  // namespace cli
