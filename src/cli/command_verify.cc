#include "base/log.h"
#include "cli/command.h"
#include "repository/dump_store.h"
#include "repository/verification.h"

namespace cli {

namespace {

struct VerifyOptions {
  bool no_record = false;
  bool replicas = false;
};

void append(repository::VerifyReport& report, const repository::VerifyReport& of_dumps) {
  report.objects += of_dumps.objects;
  report.bytes += of_dumps.bytes;
  report.damage.insert(report.damage.end(), of_dumps.damage.begin(), of_dumps.damage.end());
}

// What is damaged in a replica has its URL before its key: the dump itself may be whole.
repository::VerifyReport of_replicas(app::Context& context, repository::VerifyProgress& progress,
                                     const std::stop_token& stop) {
  repository::VerifyReport all;
  for (const policy::DumpTier& tier : context.policy().layers.dumps) {
    if (!tier.replica) continue;
    const app::ReplicaPlace place = app::open_replica(context, tier);
    repository::VerifyReport report =
        repository::verify_dumps(place.in_clear(), context.cluster_database(), progress, stop);
    for (repository::Damage& one : report.damage) one.key = place.stored->url() + "/" + one.key;
    append(all, report);
  }
  return all;
}

void verify(Globals& globals, const VerifyOptions& options) {
  app::Context context = globals.context();
  const repository::Repository repository = context.repository(globals.token());
  repository::VerifyProgress progress;
  const base::Stopwatch watch;
  ProgressLine line(globals,
                    [&] { return "verify: " + share(progress.bytes_done, progress.bytes_total); });
  repository::VerifyReport report =
      repository::verify(repository, context.threads(), progress, globals.token());
  for (const policy::DumpTier& tier : context.policy().layers.dumps) {
    append(report, repository::verify_dumps(context.dump_store(tier.tier.name),
                                            context.cluster_database(), progress, globals.token()));
  }
  if (options.replicas) append(report, of_replicas(context, progress, globals.token()));
  if (!options.no_record) {
    try {
      repository::keep_verification(repository, report, base::system_clock().now(),
                                    globals.token());
    } catch (const base::Error& failure) {
      if (failure.kind() != base::ErrorKind::denied) throw;
      base::warn("what was found is not kept, as this credential may not write: {}",
                 failure.message());
    }
  }
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
      program.add_subcommand("verify", "read every object, every block and every dump again");
  auto options = std::make_shared<VerifyOptions>();  // outlives this function with the callback
  command->add_flag("--no-record", options->no_record,
                    "keep no record of it: for credentials that may only read");
  command->add_flag("--replicas", options->replicas, "also the copies in other regions");
  command->footer("Exit status: 0 when all is as it was stored, 7 when something is damaged.");
  command->callback([&globals, options] { verify(globals, *options); });
}

}  // namespace cli
