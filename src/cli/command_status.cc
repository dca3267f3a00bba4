#include "cli/command.h"
#include "layers/pitr/wal_scan.h"
#include "monitor/status.h"

namespace cli {

namespace {

// The newest commit that the archive can bring back. Nothing for a credential that may judge and
// not open the log.
std::optional<base::Instant> last_transaction(const repository::Repository& repository,
                                              const monitor::Catalog& catalog,
                                              std::stop_token stop) {
  if (catalog.snapshots.empty()) return std::nullopt;
  const repository::SnapshotRoot& root = catalog.snapshots.back();
  const repository::WalArchive archive(repository, catalog.epochs.back());
  const std::vector<postgres::Timeline> timelines = archive.timelines(stop);
  const postgres::Timeline timeline = timelines.empty() ? root.timeline : timelines.back();
  try {
    const std::optional<layers::WalMoment> last =
        layers::last_commit(archive, archive.history(timeline, stop), root.start_lsn, stop);
    return last ? last->time : root.stopped;
  } catch (const base::Error& failure) {
    if (failure.kind() != base::ErrorKind::denied) throw;
    return std::nullopt;
  }
}

std::string age(const std::optional<base::Instant>& time, base::Instant now) {
  return time ? base::human_duration(now - *time) : "never";
}

void print_window(const monitor::Status& status) {
  if (!status.window_begins) return;
  const std::string begins =
      base::to_rfc3339(std::chrono::ceil<std::chrono::seconds>(*status.window_begins));
  if (!status.last_transaction) {
    fmt::print(
        "\nany second from {} on can be restored, as far as the log is archived: this "
        "credential may not open it\n",
        begins);
  } else if (*status.last_transaction <= *status.window_begins) {
    fmt::print(
        "\nthe end of the snapshot, {}, can be restored; nothing behind it is archived yet\n",
        begins);
  } else {
    fmt::print("\nany second from {} to {} can be restored\n", begins,
               base::to_rfc3339(*status.last_transaction));
  }
}

void print(const monitor::Status& status, const policy::Policy& policy) {
  std::vector<std::vector<std::string>> rows = {{"layer", "tier", "state", "last success",
                                                 "next due (UTC)", "kept/expected",
                                                 "newest restorable (UTC)"}};
  for (const monitor::StatusRow& row : status.rows) {
    if (row.state == "not covered") continue;
    const auto time = [](const std::optional<base::Instant>& t) {
      return t ? base::to_rfc3339(std::chrono::floor<std::chrono::seconds>(*t)) : std::string("-");
    };
    rows.push_back({row.layer, row.tier.empty() ? "-" : row.tier, row.state,
                    age(row.last_success, status.now) + " ago", time(row.next_due),
                    row.kept ? fmt::format("{}/{}", *row.kept, *row.expected) : "-",
                    time(row.newest_restorable)});
    if (!row.last_success) rows.back()[3] = "never";
  }
  print_table(rows);
  print_window(status);
  if (!policy.uncovered.empty()) fmt::print("\nnot covered by this policy:\n");
  for (const policy::Note& note : policy.uncovered) fmt::print("  {}: {}\n", note.what, note.why);
  fmt::print("\n{}\n", status.findings.empty() ? "no findings" : "findings:");
  for (const monitor::Finding& finding : status.findings) {
    fmt::print("  {}: {}\n      {}\n", monitor::name(finding.severity), finding.what,
               finding.remedy);
  }
}

void show(Globals& globals) {
  app::Context context = globals.context();
  const repository::Repository repository = context.repository(globals.token());
  const base::Instant now = base::system_clock().now();
  monitor::Catalog catalog = context.catalog(repository, now, globals.token());
  app::read_places(context, catalog, globals.token());
  const monitor::Status status = monitor::judge_status(
      context.policy(), catalog, last_transaction(repository, catalog, globals.token()), now);
  if (globals.json) {
    print_json(to_json(status));
  } else {
    print(status, context.policy());
  }
  globals.exit_code = monitor::exit_code(status);
}

}  // namespace

void add_status(CLI::App& program, Globals& globals) {
  CLI::App* command = program.add_subcommand(
      "status", "are we safe? one row per line of the strategy, and what is wrong");
  command->footer(
      "Exit status: 0 nothing wrong, 1 warnings, 2 critical findings; above 2 it could not be "
      "told.");
  command->callback([&globals] { show(globals); });
}

}  // namespace cli
