#include "app/look_log.h"
#include "base/error.h"
#include "base/task_group.h"
#include "cli/command.h"
#include "policy/duration.h"

namespace cli {

namespace {

constexpr base::Duration shortest = std::chrono::seconds(1);
constexpr base::Duration longest = std::chrono::hours(24);

void print(const app::Look& look) {
  fmt::print("{}\n", look.blind.empty() ? look.exposure : "the repository could not be judged");
  fmt::print("{}\n", look.findings.empty() ? "no findings" : "findings:");
  for (const monitor::Finding& finding : look.findings)
    fmt::print("  {}: {}\n      {}\n", monitor::name(finding.severity), finding.what,
               finding.remedy);
  if (look.told > 0) fmt::print("told: {}\n", look.told);
  for (const std::string& untold : look.untold) fmt::print("not told: {}\n", untold);
  if (!look.only_in_memory.empty()) {
    fmt::print(
        "what was told is remembered by this process only, as its records cannot be put: {}\n",
        look.only_in_memory);
  }
  if (!look.ping_failed.empty())
    fmt::print("the dead man's switch could not be told: {}\n", look.ping_failed);
}

void look_once(Globals& globals) {
  app::Context context = globals.context();
  const base::Instant now = base::system_clock().now();
  app::Watcher watcher(context, {.once = true, .tell = true}, now);
  const app::Look look = watcher.look(now, globals.token());
  if (globals.json) {
    print_json(to_json(look));
  } else {
    print(look);
  }
  globals.exit_code = exit_code(look);
}

void keep_looking(Globals& globals, const std::string& every) {
  app::Context context = globals.context();
  const base::Duration pause =
      every.empty() ? context.policy().monitor.look_every : policy::parse_duration(every);
  if (pause < shortest || pause > longest) {
    throw base::Error(base::ErrorKind::invalid,
                      fmt::format("--every {} is not from 1s to 1d", every));
  }
  app::Watcher watcher(context, {.once = false, .tell = true}, base::system_clock().now());
  app::LookLog log;
  try {
    for (;;) {
      const base::Stopwatch watch;
      const app::Look look = watcher.look(base::system_clock().now(), globals.token());
      if (globals.json) {
        fmt::print("{}\n", to_json(look).dump());
        std::fflush(stdout);
      } else {
        log.tell(look);
      }
      const base::Duration rest = std::max<base::Duration>(pause - watch.elapsed(), shortest);
      if (!base::sleep_for(rest, globals.token())) return;
    }
  } catch (const base::Error& failure) {
    // Being told to end is how it ends.
    if (failure.kind() != base::ErrorKind::cancelled) throw;
  }
}

}  // namespace

void add_watch(CLI::App& program, Globals& globals) {
  CLI::App* command = program.add_subcommand(
      "watch", "look from outside whether all is as it must be, and tell people what is not");
  struct Options {
    bool once = false;
    std::string every;
  };
  const auto options = std::make_shared<Options>();
  command->add_flag("--once", options->once, "look once, tell, and end; for cron and timers");
  command
      ->add_option("--every", options->every,
                   "from one look to the next; default monitor.look_every")
      ->type_name("DURATION");
  command->footer(
      "It reads, and puts records below alerts/ only; run it with the watcher's credential, on "
      "another host than the backups.\n"
      "Examples:\n"
      "  seawall watch                # a service that always runs\n"
      "  seawall watch --once --json  # from a timer\n"
      "Exit status of --once: 0 nothing wrong, 1 warnings, 2 critical findings.");
  command->callback([&globals, options] {
    options->once ? look_once(globals) : keep_looking(globals, options->every);
  });
}

}  // namespace cli
