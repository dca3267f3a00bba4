#include "app/current_status.h"
#include "cli/command.h"

namespace cli {

namespace {

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
  const monitor::Status status =
      app::current_status(context, repository, base::system_clock().now(), globals.token()).status;
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
