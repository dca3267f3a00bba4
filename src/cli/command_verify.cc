#include "cli/command.h"
#include "repository/verify.h"

namespace cli {

namespace {

void verify(Globals& globals) {
  app::Context context = globals.context();
  const repository::Repository repository = context.repository(globals.token());
  repository::VerifyProgress progress;
  const base::Stopwatch watch;
  ProgressLine line(globals,
                    [&] { return "verify: " + share(progress.bytes_done, progress.bytes_total); });
  const repository::VerifyReport report =
      repository::verify(repository, context.threads(), progress, globals.token());
  line.finish();
  if (!report.damage.empty()) globals.exit_code = base::exit_code(base::ErrorKind::corrupt);
  if (globals.json) {
    base::Json damage = base::Json::array();
    for (const repository::Damage& one : report.damage) {
      damage.push_back({{"key", one.key}, {"what", one.what}, {"snapshots", one.snapshots}});
    }
    print_json({{"objects", report.objects},
                {"bytes", report.bytes},
                {"blocks", report.blocks},
                {"damage", std::move(damage)}});
    return;
  }
  for (const repository::Damage& one : report.damage) {
    fmt::print("DAMAGED {}: {}\n", one.key, one.what);
    if (!one.snapshots.empty())
      fmt::print("  snapshots that need it: {}\n", fmt::join(one.snapshots, ", "));
  }
  fmt::print("{} objects, {}, {} blocks read and checked in {}: {}\n", report.objects,
             base::human_bytes(report.bytes), report.blocks, base::human_duration(watch.elapsed()),
             report.damage.empty() ? "all is as it was stored"
                                   : fmt::format("{} damaged", report.damage.size()));
}

}  // namespace

void add_verify(CLI::App& program, Globals& globals) {
  CLI::App* command =
      program.add_subcommand("verify", "read every object and every block of the repository again");
  command->footer("Exit status: 0 when all is as it was stored, 7 when something is damaged.");
  command->callback([&globals] { verify(globals); });
}

}  // namespace cli
