// The wal commands that people and daemons run: audit, receive, new-epoch.
#include <thread>

#include "base/log.h"
#include "base/task_group.h"
#include "cli/command.h"
#include "layers/pitr/audit.h"
#include "layers/pitr/receive.h"

namespace cli {

namespace {

base::Json time_or_null(const std::optional<base::Instant>& time) {
  return time ? base::Json(base::to_rfc3339(*time)) : base::Json(nullptr);
}

base::Json to_json(const layers::AuditReport& report) {
  base::Json timelines = base::Json::array();
  for (const layers::AuditTimeline& row : report.timelines) {
    timelines.push_back(
        {{"timeline", row.timeline.value},
         {"parent", row.parent ? base::Json(row.parent->value) : base::Json(nullptr)},
         {"forked_at", row.parent ? base::Json(to_string(row.forked_at)) : base::Json(nullptr)},
         {"first", row.first},
         {"last", row.last},
         {"segments", row.segments},
         {"stored_bytes", row.stored_bytes},
         {"last_commit", time_or_null(row.last_commit)},
         {"newest_object", time_or_null(row.newest_object)}});
  }
  base::Json holes = base::Json::array();
  for (const layers::AuditHole& hole : report.holes) {
    holes.push_back(
        {{"timeline", hole.timeline.value},
         {"first", hole.first},
         {"last", hole.last},
         {"segments", hole.segments},
         {"bytes", hole.bytes},
         {"after", time_or_null(hole.after)},
         {"before", time_or_null(hole.before)},
         {"seconds",
          hole.after && hole.before
              ? base::Json(std::chrono::duration<double>(*hole.before - *hole.after).count())
              : base::Json(nullptr)}});
  }
  base::Json damage = base::Json::array();
  for (const layers::AuditDamage& one : report.damage)
    damage.push_back({{"key", one.key}, {"what", one.what}});
  return {{"epoch", report.epoch.value},
          {"timelines", timelines},
          {"holes", holes},
          {"damage", damage}};
}

void print(const layers::AuditReport& report, base::Instant now) {
  fmt::print("epoch {}\n", report.epoch.value);
  for (const layers::AuditTimeline& row : report.timelines) {
    fmt::print("  timeline {}{}: {} segments, {} to {}, {} stored\n", row.timeline.value,
               row.parent
                   ? fmt::format(" (from {} at {})", row.parent->value, to_string(row.forked_at))
                   : "",
               row.segments, row.first, row.last, base::human_bytes(row.stored_bytes));
    if (row.last_commit) {
      fmt::print("    last transaction {} ({} ago)\n", base::to_rfc3339(*row.last_commit),
                 base::human_duration(now - *row.last_commit));
    }
  }
  for (const layers::AuditHole& hole : report.holes) {
    fmt::print("HOLE on timeline {}: {} to {}, {} segments, {}", hole.timeline.value, hole.first,
               hole.last, hole.segments, base::human_bytes(hole.bytes));
    if (hole.after && hole.before) {
      fmt::print("; nothing between {} and {} can be restored ({})", base::to_rfc3339(*hole.after),
                 base::to_rfc3339(*hole.before), base::human_duration(*hole.before - *hole.after));
    }
    fmt::print("\n");
  }
  for (const layers::AuditDamage& one : report.damage)
    fmt::print("DAMAGED {}: {}\n", one.key, one.what);
  if (report.holes.empty() && report.damage.empty()) fmt::print("no holes, nothing damaged\n");
}

void audit(Globals& globals, bool names_only) {
  app::Context context = globals.context();
  const repository::Repository repository = context.repository(globals.token());
  layers::AuditProgress progress;
  ProgressLine line(
      globals, [&] { return "wal audit: " + share(progress.bytes_done, progress.bytes_total); });
  base::Json all = base::Json::array();
  std::vector<layers::AuditReport> reports;
  for (const repository::Epoch& epoch : repository.epochs(globals.token())) {
    reports.push_back(layers::audit_wal(repository, epoch, names_only, context.threads(), progress,
                                        globals.token()));
  }
  line.finish();
  for (const layers::AuditReport& report : reports) {
    if (!report.holes.empty() || !report.damage.empty())
      globals.exit_code = base::exit_code(base::ErrorKind::corrupt);
    if (globals.json) {
      all.push_back(to_json(report));
    } else {
      print(report, base::system_clock().now());
    }
  }
  if (globals.json) print_json(all);
}

void new_epoch(const Globals& globals, const std::string& reason) {
  app::Context context = globals.context();
  const repository::Repository repository = context.repository(globals.token());
  repository::Epoch epoch = context.cluster().identity();
  epoch.reason = reason;
  epoch = repository.begin_epoch(epoch, globals.token());
  if (globals.json) return print_json({{"epoch", epoch.number.value}});
  fmt::print("epoch {} has begun at {}; take a snapshot now: seawall backup snapshots\n",
             epoch.number.value, to_string(epoch.begins_at));
}

struct ReceiveOptions {
  std::string slot;
  bool until_idle = false;
};

constexpr base::Duration policy_every = std::chrono::seconds(5);

// What is received by: one text of the policy, and the repository as it says, opened.
struct ReceivePolicy {
  ReceivePolicy(const base::Path& file, std::string policy, const std::stop_token& stop)
      : text(std::move(policy)),
        context(file, policy::parse(text, file.string())),
        repository(context.repository(stop)) {}
  std::string text;
  app::Context context;
  repository::Repository repository;
};

// Waits until the file has another text that can be used; an editor may be half way, so it must be
// found twice. Null when stopped.
std::unique_ptr<ReceivePolicy> next_policy(const base::Path& file, const std::string& now,
                                           const std::stop_token& stop) {
  std::string found_once;
  std::string told;
  while (base::sleep_for(policy_every, stop)) {
    try {
      std::string text = base::read_text_file(file, base::MiB);
      const bool again = text == found_once;
      found_once = text;
      if (text != now && again) return std::make_unique<ReceivePolicy>(file, std::move(text), stop);
    } catch (const base::Error& failure) {
      if (failure.kind() == base::ErrorKind::cancelled) break;
      if (told != failure.message())
        base::warn("the policy before is still received by: {}", failure.message());
      told = failure.message();
    }
  }
  return nullptr;
}

layers::ReceiveRequest request_of(const ReceiveOptions& options, const policy::Policy& policy) {
  layers::ReceiveRequest request{.slot = options.slot, .until_idle = options.until_idle};
  if (const auto& pitr = policy.layers.pitr; pitr && pitr->receive) {
    if (request.slot.empty()) request.slot = pitr->receive->slot;
    request.flush_within = pitr->receive->flush;
  }
  if (request.slot.empty()) {
    throw base::Error(base::ErrorKind::invalid, "no replication slot is named",
                      "name one in the policy (layers.pitr.receive.slot) or with --slot");
  }
  return request;
}

// A new policy is taken up as the daemon does it: a key that was replaced seals no more.
void receive(const Globals& globals, const ReceiveOptions& options) {
  const base::Path file = globals.policy();
  auto policy =
      std::make_unique<ReceivePolicy>(file, base::read_text_file(file, base::MiB), globals.token());
  layers::ReceiveProgress progress;
  ProgressLine line(globals, [&] {
    return fmt::format("wal receive: durable to {}",
                       to_string(postgres::Lsn{progress.durable_lsn}));
  });
  for (;;) {
    const layers::ReceiveRequest request = request_of(options, policy->context.policy());
    provider::NativeCluster cluster = policy->context.cluster();
    const repository::Epoch epoch =
        policy->repository.epoch_for(cluster.identity(), globals.token());
    std::unique_ptr<ReceivePolicy> next;
    {
      std::stop_source ends;
      const std::stop_callback told_to(globals.token(), [&ends] { ends.request_stop(); });
      const std::jthread watch([&](const std::stop_token& stop) {
        next = next_policy(file, policy->text, stop);
        if (next) ends.request_stop();
      });
      // Stopped, it returns, or is cancelled where it had not begun.
      try {
        layers::receive_wal(cluster, policy->repository, epoch, request, progress,
                            ends.get_token());
      } catch (const base::Error& failure) {
        if (failure.kind() != base::ErrorKind::cancelled || globals.token().stop_requested()) throw;
      }
    }
    if (!next || globals.token().stop_requested()) return;
    policy = std::move(next);
    base::info("{}: the policy {} is read anew", file.string(), policy->context.policy().name);
  }
}

}  // namespace

void add_wal_for_people(CLI::App& wal, Globals& globals) {
  CLI::App* audit_command =
      wal.add_subcommand("audit", "list the holes and the damage in the archived log");
  auto names_only = std::make_shared<bool>(false);  // outlives this function with the callback
  audit_command->add_flag("--names-only", *names_only,
                          "look at the names alone, do not read the segments");
  audit_command->footer("Exit status: 0 when the log is whole, 7 when it has holes or damage.");
  audit_command->callback([&globals, names_only] { audit(globals, *names_only); });

  CLI::App* receive_command = wal.add_subcommand(
      "receive", "stream the log from a replication slot, for an RPO of seconds");
  auto receive_options =
      std::make_shared<ReceiveOptions>();  // outlives this function with the callback
  receive_command->add_option("--slot", receive_options->slot, "instead of the policy's")
      ->type_name("NAME");
  receive_command->add_flag("--until-idle", receive_options->until_idle,
                            "end once all that is written now is durable");
  receive_command->footer(
      "Runs until it is stopped (SIGINT, SIGTERM). Beside archive_command or instead of it.");
  receive_command->callback([&globals, receive_options] { receive(globals, *receive_options); });

  CLI::App* epoch_command = wal.add_subcommand("new-epoch",
                                               "begin a new life of the cluster in the repository, "
                                               "after pg_upgrade or a rollback of its disk");
  auto reason = std::make_shared<std::string>();  // outlives this function with the callback
  epoch_command->add_option("--reason", *reason, "why, for those who look later")->required();
  epoch_command->footer("Example:\n  seawall wal new-epoch --reason 'pg_upgrade to 16'");
  epoch_command->callback([&globals, reason] { new_epoch(globals, *reason); });
}

}  // namespace cli
