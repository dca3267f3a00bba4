#include <charconv>

#include "cli/command.h"
#include "cli/restore_advice.h"
#include "layers/pitr/recover.h"
#include "layers/pitr/restore_estimate.h"
#include "layers/snapshot/restore_files.h"
#include "policy/moment.h"

namespace cli {

namespace {

struct RestoreOptions {
  std::string to;
  std::string at;
  std::string snapshot;
  std::string lsn;
  uint32_t xid = 0;
  std::string name;
  uint32_t timeline = 0;
  uint32_t epoch = 0;
  std::vector<std::string> tablespaces;
  std::string configuration;
  std::string programs;
  bool delta = false;
  bool dry_run = false;
};

layers::RestoreTarget target_of(const RestoreOptions& options) {
  if (!options.snapshot.empty()) return layers::TargetSnapshot{options.snapshot};
  if (!options.lsn.empty()) return layers::TargetLsn{postgres::parse_lsn(options.lsn)};
  if (options.xid != 0) return layers::TargetXid{options.xid};
  if (!options.name.empty()) return layers::TargetName{options.name};
  if (options.at == "latest") return layers::TargetLatest{};
  return layers::TargetTime{policy::parse_moment(options.at)};
}

std::map<uint32_t, base::Path> tablespace_places(const std::vector<std::string>& given) {
  std::map<uint32_t, base::Path> places;
  for (const std::string& text : given) {
    const size_t equals = text.find('=');
    uint32_t oid = 0;
    const auto [end, failed] =
        std::from_chars(text.data(), text.data() + std::min(equals, text.size()), oid);
    if (equals == std::string::npos || failed != std::errc{} || end != text.data() + equals) {
      throw base::Error(base::ErrorKind::invalid,
                        fmt::format("--tablespace '{}' is not OID=FOLDER", text),
                        "'seawall restore --dry-run' shows the tablespaces with their oids");
    }
    places[oid] = text.substr(equals + 1);
  }
  return places;
}

void print_plan(const layers::RestorePlan& plan, const layers::RestoreEstimate& expected,
                const policy::Policy& policy) {
  const repository::SnapshotRoot& root = plan.snapshot;
  fmt::print("restore to {}\n", layers::describe(plan.target));
  if (const auto* time = std::get_if<layers::TargetTime>(&plan.target)) {
    fmt::print("  target       {}\n", policy::describe_moment(time->time, policy.timezone));
  }
  if (plan.last_commit)
    fmt::print("  last commit  {}\n", policy::describe_moment(*plan.last_commit, policy.timezone));
  fmt::print("  snapshot     {}, ended {}, {} in {} files\n", root.id,
             policy::describe_moment(root.stopped, policy.timezone),
             base::human_bytes(root.totals.bytes), root.totals.files);
  uint64_t segments = 0;
  for (const layers::WalLeg& leg : plan.legs) segments += leg.last - leg.first + 1;
  fmt::print("  WAL          {} segments on timeline {}, {} stored\n", segments,
             plan.timeline.value, base::human_bytes(plan.wal_stored_bytes));
  for (const repository::TablespaceRef& space : root.tablespaces) {
    fmt::print("  tablespace   {} at {}\n", space.oid, space.location);
  }
  fmt::print("  major        PostgreSQL {}\n", root.major);
  fmt::print("  expected     about {}: files {} (the store gives {}/s), replay {}\n",
             base::human_duration(expected.files + expected.replay),
             base::human_duration(expected.files), base::human_bytes(expected.bytes_per_second),
             base::human_duration(expected.replay));
}

std::string describe(const layers::RestoreProgress& files,
                     const layers::RecoverProgress& recovery) {
  const std::string_view phase = files.phase.load();
  if (phase == "fetching")
    return fmt::format("restore: {}", share(files.bytes_done, files.bytes_total));
  if (phase != "done") return fmt::format("restore: {}", phase);
  const uint64_t lsn = recovery.replayed_lsn;
  return fmt::format("restore: {}{}", recovery.phase.load(),
                     lsn != 0 ? ", at " + to_string(postgres::Lsn{lsn}) : "");
}

// A restore without room is gone on with once there is some; nothing that was fetched is lost.
template <typename Work>
void hinting_at_delta(const Work& work) {
  try {
    work();
  } catch (const base::Error& failure) {
    if (failure.kind() != base::ErrorKind::full) throw;
    throw base::Error(failure.kind(), failure.message(),
                      "free space there, then run the same with --delta: what is there is kept");
  }
}

void restore(Globals& globals, const RestoreOptions& options) {
  app::Context context = globals.context();
  const repository::Repository repository = context.repository(globals.token());
  layers::PlanRequest plan_request{.target = target_of(options)};
  if (options.timeline != 0) plan_request.timeline = postgres::Timeline{options.timeline};
  if (options.epoch != 0) plan_request.epoch = repository::EpochNumber{options.epoch};
  const layers::RestorePlan plan = layers::plan_restore(repository, plan_request, globals.token());
  layers::RestoreRequest request{.target = std::filesystem::absolute(options.to).lexically_normal(),
                                 .tablespaces = tablespace_places(options.tablespaces),
                                 .delta = options.delta,
                                 .threads = context.threads()};
  if (!options.configuration.empty())
    request.configuration = std::filesystem::absolute(options.configuration);
  std::optional<base::Path> programs;
  if (!options.programs.empty()) programs = options.programs;
  layers::find_server_programs(plan.snapshot.major, programs);
  layers::require_restorable(plan.snapshot, request);
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

  layers::RestoreProgress files;
  layers::RecoverProgress recovery;
  const base::Stopwatch watch;
  ProgressLine line(globals, [&] { return describe(files, recovery); });
  hinting_at_delta(
      [&] { layers::restore_files(repository, plan.snapshot, request, files, globals.token()); });
  const base::Duration files_time = watch.elapsed();
  layers::RecoverRequest recover_request{.data_directory = request.target,
                                         .seawall = std::filesystem::read_symlink("/proc/self/exe"),
                                         .policy = std::filesystem::absolute(context.policy_file()),
                                         .programs = programs,
                                         .scrub = {}};
  if (!context.policy().exclude.rows_of.empty()) {
    recover_request.scrub = {context.cluster_database(), context.policy().exclude.rows_of};
  }
  layers::Recovered recovered;
  hinting_at_delta(
      [&] { recovered = layers::recover(plan, recover_request, recovery, globals.token()); });
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
                {"files_seconds", std::chrono::duration<double>(files_time).count()},
                {"replay_seconds", std::chrono::duration<double>(recovered.replay_time).count()},
                {"total_seconds", watch.seconds()}});
    return;
  }
  fmt::print("restored {} to {} in {}: files {}, replay {}\n", request.target.string(),
             to_string(recovered.reached), base::human_duration(watch.elapsed()),
             base::human_duration(files_time), base::human_duration(recovered.replay_time));
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
  auto options = std::make_shared<RestoreOptions>();  // outlives this function with the callback
  command->add_option("--to", options->to, "the data directory to be")->type_name("FOLDER");
  CLI::Option_group* target = command->add_option_group("target", "where to stop");
  target
      ->add_option("--at", options->at,
                   "a time with its zone (\"2026-11-22 14:03:07 Asia/Singapore\"), or 'latest'")
      ->type_name("TIME");
  target->add_option("--snapshot", options->snapshot, "a snapshot's own end")->type_name("ID");
  target->add_option("--lsn", options->lsn, "a position in the log")->type_name("LSN");
  target->add_option("--xid", options->xid, "a transaction")->type_name("XID");
  target->add_option("--name", options->name, "a restore point made with pg_create_restore_point()")
      ->type_name("NAME");
  target->require_option(0, 1);
  command
      ->add_option("--timeline", options->timeline,
                   "the branch of history, where there are several")
      ->type_name("N");
  command->add_option("--epoch", options->epoch, "an earlier life of the cluster")->type_name("N");
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
    if (!command->get_subcommands().empty()) return;  // `restore dump` has its own
    if (command->count("--to") == 0) throw CLI::RequiredError("--to");
    if (target->count_all() == 0)
      throw CLI::RequiredError("one of --at, --snapshot, --lsn, --xid, --name");
    restore(globals, *options);
  });
}

}  // namespace cli
