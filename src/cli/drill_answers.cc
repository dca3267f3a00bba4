#include "cli/drill_answers.h"

#include <algorithm>

#include "base/error.h"
#include "cli/command.h"
#include "policy/moment.h"

namespace cli {

using repository::DrillRecord;

namespace {

std::string against(const std::optional<base::Duration>& took,
                    const std::optional<base::Duration>& objective) {
  if (!took) return "not measured";
  std::string text = base::human_duration(*took);
  if (objective) text += fmt::format(" (objective {})", base::human_duration(*objective));
  return text;
}

std::string_view name(monitor::DrillState state) {
  switch (state) {
    case monitor::DrillState::waiting:
      return "waiting";
    case monitor::DrillState::due:
      return "due";
    case monitor::DrillState::missed:
      return "missed";
  }
  return "missed";
}

}  // namespace

void print_drill(const DrillRecord& record, const policy::Zone& zone) {
  fmt::print(
      "drill {} of {}\n", repository::name(record.kind),
      policy::describe_moment(std::chrono::floor<std::chrono::seconds>(record.started), zone));
  fmt::print("  id        {}\n", record.id);
  if (!record.source.empty()) fmt::print("  restored  {} of {}\n", record.source, record.place);
  if (!record.target.empty()) fmt::print("  to        {}\n", record.target);
  if (record.seed) fmt::print("  seed      {}\n", *record.seed);
  if (record.major != 0)
    fmt::print("  into      PostgreSQL {}{}\n", record.major,
               record.cut_off ? ", without a network" : "");
  std::string steps;
  for (const repository::DrillStep& step : record.steps)
    steps += fmt::format("{}{} {}", steps.empty() ? "" : ", ", step.name,
                         base::human_duration(step.took));
  if (!steps.empty()) fmt::print("  steps     {}\n", steps);
  if (record.rto) fmt::print("  RTO       {}\n", against(record.rto, record.rto_objective));
  if (record.at_worst) fmt::print("  at worst  {}\n", describe(*record.at_worst));
  if (record.rpo)
    fmt::print("  RPO       {}, by the {}\n", against(record.rpo, record.rpo_objective),
               record.rpo_by);
  const auto found = std::ranges::count_if(record.known_bad, &repository::KnownBad::caught);
  if (!record.known_bad.empty())
    fmt::print("  damage    {} of {} done on purpose were found\n", found, record.known_bad.size());
  if (!record.checks.empty()) {
    std::vector<std::vector<std::string>> rows = {{"check", "verdict", "seen"}};
    for (const repository::DrillCheckResult& check : record.checks)
      rows.push_back({check.name, std::string(repository::name(check.verdict)), check.seen});
    fmt::print("\n");
    print_table(rows);
  }
  for (const std::string& note : record.notes) fmt::print("note: {}\n", note);
  if (record.passed) {
    fmt::print("\npassed\n");
  } else {
    std::fflush(stdout);
    fmt::print(stderr, "seawall: error: the drill failed: {}\n", record.failure());
    if (!record.hint.empty()) fmt::print(stderr, "seawall: hint: {}\n", record.hint);
  }
}

int exit_code_of(const DrillRecord& record) {
  if (record.passed) return 0;
  for (const base::ErrorKind kind :
       {base::ErrorKind::invalid, base::ErrorKind::absent, base::ErrorKind::denied,
        base::ErrorKind::conflict, base::ErrorKind::unavailable, base::ErrorKind::corrupt,
        base::ErrorKind::full}) {
    if (record.error_kind == base::name(kind)) return base::exit_code(kind);
  }
  return 1;
}

void print_drills(const std::vector<DrillRecord>& records,
                  const std::vector<repository::SignOff>& sign_offs, const policy::Zone& zone) {
  std::vector<std::vector<std::string>> rows = {
      {"id", "kind", "held", "outcome", "RTO", "RPO", "why"}};
  constexpr size_t why_max = 100;
  for (const DrillRecord& record : records) {
    std::string why = record.failure();
    if (why.size() > why_max) why = why.substr(0, why_max) + " ...";
    rows.push_back({record.id, std::string(repository::name(record.kind)),
                    policy::local_date(record.started, zone), record.passed ? "passed" : "failed",
                    record.rto ? base::human_duration(*record.rto) : "-",
                    record.rpo ? base::human_duration(*record.rpo) : "-", why});
  }
  print_table(rows);
  for (const repository::SignOff& one : sign_offs)
    fmt::print("{} was signed off by {} on {}{}\n", one.quarter, one.by,
               policy::local_date(one.at, zone), one.note.empty() ? "" : ": " + one.note);
}

base::Json drills_json(const std::vector<DrillRecord>& records,
                       const std::vector<repository::SignOff>& sign_offs) {
  base::Json drills = base::Json::array();
  for (const DrillRecord& record : records) {
    base::Json one = to_json(record);
    one["failure"] = record.failure();
    one.erase("tables");
    drills.push_back(std::move(one));
  }
  base::Json signed_off = base::Json::array();
  for (const repository::SignOff& one : sign_offs) signed_off.push_back(to_json(one));
  return {{"drills", std::move(drills)}, {"sign_offs", std::move(signed_off)}};
}

void print_due(const DueAnswer& answer, const policy::Policy& policy) {
  const monitor::DrillsDue& due = answer.due;
  if (!due.slot) {
    fmt::print("the policy has no weekly drill (drill.weekly)\n");
  } else {
    const std::string when = policy::describe_moment(*due.slot, policy.timezone);
    if (due.state == monitor::DrillState::missed) {
      fmt::print("the drill due at {} was missed: seawall drill\n", when);
    } else if (due.state == monitor::DrillState::due) {
      fmt::print("a drill is due since {}: seawall drill\n", when);
    } else {
      fmt::print("the next drill is due at {}\n", when);
    }
  }
  if (answer.next) fmt::print("next in rotation: {}\n", repository::name(*answer.next));
  for (const policy::Quarter quarter : due.unsigned_quarters)
    fmt::print("{} is not signed off; it is due by {}\n", policy::to_string(quarter),
               policy::last_day(quarter));
  if (policy.drill && policy.drill->quarterly && due.unsigned_quarters.empty())
    fmt::print("{} is signed off\n", policy::to_string(due.quarter));
}

base::Json to_json(const DueAnswer& answer) {
  const auto time = [](const std::optional<base::Instant>& instant) {
    return instant ? base::Json(base::to_rfc3339(*instant)) : base::Json(nullptr);
  };
  base::Json quarters = base::Json::array();
  for (const policy::Quarter quarter : answer.due.unsigned_quarters)
    quarters.push_back(
        {{"quarter", policy::to_string(quarter)}, {"last_day", policy::last_day(quarter)}});
  return {
      {"weekly",
       {{"state", name(answer.due.state)},
        {"slot", time(answer.due.slot)},
        {"deadline", time(answer.due.deadline)}}},
      {"next_kind", answer.next ? base::Json(repository::name(*answer.next)) : base::Json(nullptr)},
      {"quarter", policy::to_string(answer.due.quarter)},
      {"not_signed_off", std::move(quarters)}};
}

}  // namespace cli
