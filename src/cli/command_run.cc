#include "app/daemon.h"
#include "app/watching.h"
#include "base/log.h"
#include "cli/command.h"

namespace cli {

namespace {

struct RunOptions {
  std::optional<std::string> policies;
  bool once = false;
  std::string log = "auto";
};

base::LogForm form_of(const std::string& name) {
  if (name == "json") return base::LogForm::json;
  if (name == "journal" || (name == "auto" && base::logs_to_journal()))
    return base::LogForm::journal;
  return base::LogForm::text;
}

void run(Globals& globals, const RunOptions& options) {
  const base::LogLevel level = globals.verbose ? base::LogLevel::debug
                               : globals.quiet ? base::LogLevel::warn
                                               : base::LogLevel::info;
  base::set_up_log(level, form_of(options.log));
  const base::Path policies =
      app::find_policy(options.policies ? options.policies : globals.policy_file);
  const std::string environment = app::take_environment(policies);
  const app::DaemonOrder order{.policies = policies,
                               .once = options.once,
                               .version = globals.version,
                               .environment = environment};
  globals.reloads = true;
  app::Watching watching(globals.version, options.once);
  const app::DaemonPlugs plugs = watching.plugs();
  globals.exit_code =
      app::run_daemon(order, plugs, globals.hang_ups, base::system_clock(), globals.token());
}

}  // namespace

void add_run(CLI::App& program, Globals& globals) {
  CLI::App* command =
      program.add_subcommand("run", "carry the policy out: take what is due, until it is stopped");
  auto options = std::make_shared<RunOptions>();  // outlives this function with the callback
  command
      ->add_option(
          "policies", options->policies,
          "a policy, or a folder of them (*.yaml); default: the policy as of every command")
      ->type_name("FILE|FOLDER");
  command->add_flag("--once", options->once,
                    "do what is due now, and end: for timers and CronJobs");
  command
      ->add_option("--log", options->log,
                   "form of log lines: text, journal (with priorities), json; default: journal "
                   "where systemd reads them, else text")
      ->check(CLI::IsMember({"auto", "text", "journal", "json"}))
      ->type_name("FORM");
  command->footer(
      "Examples:\n"
      "  seawall run                          # until SIGTERM; SIGHUP reads the policy anew\n"
      "  seawall run /etc/seawall/policies/   # a fleet: every *.yaml there\n"
      "  seawall -q run --once                # from cron, which mails what goes wrong\n"
      "Exit status: 0 it was stopped and all ended in time; with --once, 0 nothing failed, else "
      "that "
      "of the first failure.");
  command->callback([&globals, options] { run(globals, *options); });
}

}  // namespace cli
