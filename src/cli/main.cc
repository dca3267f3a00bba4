// seawall's command line. Each command is a file of its own, command_<name>.cc.
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <thread>

#include "base/log.h"
#include "base/version.h"
#include "cli/command.h"
#include "layers/pitr/get.h"

namespace {

// A core dump would hold passwords and keys.
void forbid_core_dumps() {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
}

// What SIGHUP does to a program that does not listen to it, unless it was told not to care (nohup).
void die_of_hang_up() {
  struct sigaction inherited {};
  if (sigaction(SIGHUP, nullptr, &inherited) == 0 && inherited.sa_handler == SIG_IGN) return;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGHUP);
  signal(SIGHUP, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  raise(SIGHUP);
}

// SIGINT and SIGTERM ask the work to stop; it then ends as cancelled, with nothing half done.
// SIGHUP is for the daemon.
void stop_on_signals(cli::Globals& globals) {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  // a file too large is an error like a full disk
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::thread([set, &globals] {
    for (int received = 0; sigwait(&set, &received) == 0;) {
      if (received != SIGHUP) {
        globals.stop.request_stop();
      } else if (globals.reloads) {
        ++globals.hang_ups;
      } else {
        die_of_hang_up();
      }
    }
  }).detach();
}

void report(const cli::Globals& globals, const base::Error& failure) {
  if (globals.json) {
    cli::print_json({{"error",
                      {{"kind", base::name(failure.kind())},
                       {"message", failure.message()},
                       {"hint", failure.hint()}}}});
  }
  fmt::print(stderr, "seawall: error: {}\n", failure.message());
  if (!failure.hint().empty()) fmt::print(stderr, "seawall: hint: {}\n", failure.hint());
}

// PostgreSQL takes an exit status of restore_command up to 125 for the end of the log, so even a
// mistyped option has to be above it.
int exit_code_of(base::ErrorKind kind, int argc, char** argv) {
  const std::vector<std::string_view> words(argv, argv + argc);
  const auto wal = std::ranges::find(words, "wal");
  const bool restores = wal != words.end() && std::find(wal, words.end(), "get") != words.end();
  return restores ? layers::restore_command_status(kind) : base::exit_code(kind);
}

}  // namespace

int main(int argc, char** argv) {
  forbid_core_dumps();
  static cli::Globals globals;
  stop_on_signals(globals);

  CLI::App program(
      "A team's backup strategy as one program: it carries the policy out, watches it, rehearses "
      "the restore.",
      "seawall");
  program.set_version_flag("--version", base::program_version);
  program.require_subcommand(1);
  program.fallthrough();
  globals.version = base::program_version;
  program
      .add_option(
          "--policy", globals.policy_file,
          "the policy file; default $SEAWALL_POLICY, ./seawall.yaml, /etc/seawall/seawall.yaml")
      ->type_name("FILE");
  program.add_flag("--json", globals.json, "answer with JSON on standard output");
  program.add_flag("-q,--quiet", globals.quiet, "no progress");
  program.add_flag("-v,--verbose", globals.verbose, "more log lines");
  program.parse_complete_callback(
      [&] { base::set_up_log(globals.verbose ? base::LogLevel::debug : base::LogLevel::info); });
  cli::add_alert(program, globals);
  cli::add_apply(program, globals);
  cli::add_backup(program, globals);
  cli::add_check(program, globals);
  cli::add_completion(program, globals);
  cli::add_drill(program, globals);
  cli::add_evidence(program, globals);
  cli::add_fire_drill(program, globals);
  cli::add_init(program, globals);
  cli::add_key(program, globals);
  cli::add_list(program, globals);
  cli::add_metrics(program, globals);
  cli::add_policy(program, globals);
  cli::add_probe(program, globals);
  cli::add_prune(program, globals);
  cli::add_replicate(program, globals);
  cli::add_rescue(program, globals);
  cli::add_restore(program, globals);
  cli::add_run(program, globals);
  cli::add_status(program, globals);
  cli::add_strategy(program, globals);
  cli::add_verify(program, globals);
  cli::add_wal(program, globals);
  cli::add_watch(program, globals);

  try {
    program.parse(argc, argv);
    return globals.exit_code;
  } catch (const CLI::ParseError& failure) {
    return program.exit(failure) == 0 ? 0 : exit_code_of(base::ErrorKind::invalid, argc, argv);
  } catch (const base::Error& failure) {
    report(globals, failure);
    return exit_code_of(failure.kind(), argc, argv);
  } catch (const std::exception& failure) {
    report(globals, base::Error(base::ErrorKind::unavailable, failure.what()));
    return exit_code_of(base::ErrorKind::unavailable, argc, argv);
  }
}
