#include "cli/rescue.h"

namespace cli {

namespace {

void add_search(CLI::App& command, RescueOptions& options) {
  command
      .add_option("--since", options.since,
                  "from when on: a time with its zone, or how long ago; default 24h")
      ->type_name("TIME");
  command.add_option("--until", options.until, "up to when; default the end of the archived log")
      ->type_name("TIME");
  command
      .add_option("--table", options.tables,
                  "only what changed this table, or this file of one; may be given again")
      ->type_name("TABLE");
  command.add_option("--top", options.top, "so many, of those that changed or removed the most")
      ->check(CLI::Range(1, 10'000))
      ->type_name("N");
  command.add_option("--timeline", options.timeline, "the branch of history; default the newest")
      ->type_name("N");
  command.add_option("--epoch", options.epoch, "an earlier life of the cluster")->type_name("N");
}

void transactions(const Globals& globals, const RescueOptions& options) {
  app::Context context = globals.context();
  const repository::Repository repository = context.repository(globals.token());
  const app::FoundTransactions found =
      search(globals, context, repository, search_of(options, base::system_clock().now()));
  if (globals.json) return print_json(app::to_json(found));
  print_transactions(found, context.policy().timezone);
}

}  // namespace

void add_rescue(CLI::App& program, Globals& globals) {
  CLI::App* command = program.add_subcommand(
      "rescue", "something happened: find it in the log, and bring back the moment before");
  auto options = std::make_shared<RescueOptions>();  // outlives this function with the callback
  add_search(*command, *options);
  CLI::Option* undo =
      command->add_option("--undo", options->undo, "to just before this transaction committed")
          ->type_name("XID");
  command->add_option("--at", options->at, "to this time, with its zone")
      ->excludes(undo)
      ->type_name("TIME");
  command->add_option("--to", options->to, "the data directory to be: absent, or empty")
      ->type_name("FOLDER");
  command->add_option("--tablespace", options->tablespaces, "another place for a tablespace")
      ->type_name("OID=FOLDER");
  command
      ->add_option("--configuration", options->configuration,
                   "where configuration files from outside the data directory go")
      ->type_name("FOLDER");
  command->add_option("--pg-bin", options->programs, "where the server's programs are")
      ->type_name("FOLDER");
  command->add_flag("--yes", options->yes, "do it without being asked");
  command->footer(
      "Nothing is changed but the folder that is restored into. Without a terminal it asks "
      "nothing, "
      "and stops where an answer is missing.\n"
      "Examples:\n"
      "  seawall rescue\n"
      "  seawall rescue transactions --since 2h --table public.clients\n"
      "  seawall rescue --since 2h --undo 78412 --to /var/lib/postgresql/15/before --yes");
  command->callback([&globals, command, options] {
    if (command->get_subcommands().empty()) rescue(globals, *options);
  });

  auto search_options = std::make_shared<RescueOptions>();
  CLI::App* list = command->add_subcommand(
      "transactions",
      "what the archived log says that transactions did, the largest first in mind");
  add_search(*list, *search_options);
  list->footer(
      "Examples:\n"
      "  seawall rescue transactions --since \"2026-11-22 14:00 Asia/Singapore\" --until "
      "\"2026-11-22 14:10 Asia/Singapore\"\n"
      "  seawall --json rescue transactions --since 7d --table public.clients --top 100");
  list->callback([&globals, search_options] { transactions(globals, *search_options); });
}

}  // namespace cli
