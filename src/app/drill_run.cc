#include "app/drill_run.h"

#include <unistd.h>

#include <algorithm>

#include "app/drill_subject.h"
#include "app/slot_run.h"
#include "base/error.h"
#include "drill/deadline.h"
#include "drill/scratch.h"

namespace app {

using base::Error;
using base::ErrorKind;
using base::Instant;
using repository::DrillKind;
using repository::DrillRecord;

namespace {

constexpr const char* weekly_lane = "drill-weekly";
constexpr size_t of_a_quarter = 100;  // records of each kind: more than one a day

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

drill::Terms terms_of(Context& context, const DrillRequest& request) {
  const policy::Drill drills = drill_terms(context.policy());
  return {.scratch = request.scratch ? std::filesystem::absolute(*request.scratch)
                                     : base::Path(drills.scratch),
          .programs = request.programs,
          .database = context.cluster_database(),
          .left_out = context.policy().exclude.rows_of,
          .assertions = drills.checks,
          .command = drills.command,
          .memory_bytes_max = drills.memory_bytes_max,
          .threads = context.threads(),
          .objectives = context.policy().objectives};
}

DrillKind choose_kind(Context& context, const repository::Repository& repository,
                      const DrillRequest& request, std::stop_token stop) {
  if (request.kind) {
    const std::vector<DrillKind> all = monitor::drill_kinds(context.policy());
    if (std::ranges::find(all, *request.kind) != all.end()) return *request.kind;
    throw base::error(ErrorKind::invalid, "the policy has nothing that a drill of '{}' restores",
                      repository::name(*request.kind));
  }
  const std::vector<DrillKind> kinds = kinds_here(context.policy(), request.programs);
  if (kinds.empty())
    throw Error(ErrorKind::invalid, "the policy has nothing to rehearse a restore of",
                "layers.pitr, layers.snapshots and layers.dumps are where backups go");
  return monitor::next_kind(kinds, repository::read_drills(repository, 1, stop));
}

// What the caller named and cannot be is no drill that failed.
bool is_callers_mistake(const DrillRequest& request, const Error& failure) {
  const bool named = request.at || request.major || !request.tier.empty() || request.scratch;
  return named && failure.kind() == ErrorKind::invalid;
}

// Of a weekly drill, which any host may hold: one that may not restore says nothing of the backups.
// If no other comes, the drill was missed.
bool is_for_another_host(const DrillRecord& record, const Error& failure) {
  return failure.kind() == ErrorKind::denied && record.failed_step == "fetch";
}

void tell_failure(const Error& failure, bool too_late, base::Duration limit, DrillRecord& record) {
  record.error_kind = base::name(too_late ? ErrorKind::unavailable : failure.kind());
  record.error = too_late ? fmt::format("it was not over after {}", base::human_duration(limit))
                          : failure.message();
  record.hint =
      too_late ? "drill.finish_within in the policy says how long it may take" : failure.hint();
}

DrillRecord hold(Context& context, const repository::Repository& repository,
                 const DrillRequest& request, std::optional<Instant> slot,
                 drill::Progress& progress, std::stop_token stop) {
  const drill::Terms terms = terms_of(context, request);
  drill::clean_scratch(terms.scratch);
  DrillRecord record;
  record.kind = choose_kind(context, repository, request, stop);
  record.slot = slot;
  record.started = base::system_clock().now();
  record.id = repository::new_run_id(record.started);
  record.host = host_name();
  record.failed_step = "fetch";
  const base::Duration limit = drill_terms(context.policy()).finish_within;
  const drill::Deadline deadline(limit, stop);
  try {
    DrillSubject(context, repository, request).rehearse(terms, record, progress, deadline.token());
    drill::judge_objectives(terms.objectives, record);
  } catch (const Error& failure) {
    if (stop.stop_requested()) throw;
    if (is_callers_mistake(request, failure)) throw;
    if (slot && is_for_another_host(record, failure)) throw;
    tell_failure(failure, deadline.passed(), limit, record);
  }
  record.passed = drill::passes(record);
  record.ended = base::system_clock().now();
  repository::put_drill(repository, record, {});
  progress.step = "done";
  return record;
}

}  // namespace

policy::Drill drill_terms(const policy::Policy& policy) {
  if (policy.drill) return *policy.drill;
  policy::Drill drills;  // as the policy's own defaults are
  drills.scratch = "/var/lib/seawall/drill";
  drills.finish_within = std::chrono::hours(4);
  drills.memory_bytes_max = 256 * base::MiB;
  return drills;
}

std::vector<DrillKind> kinds_here(const policy::Policy& policy,
                                  const std::optional<base::Path>& programs) {
  std::vector<DrillKind> kinds = monitor::drill_kinds(policy);
  if (drill::installed_majors(programs).size() < 2) std::erase(kinds, DrillKind::major);
  return kinds;
}

DrillRecord run_drill(Context& context, const DrillRequest& request, drill::Progress& progress,
                      std::stop_token stop) {
  const repository::Repository repository = context.repository(stop);
  return hold(context, repository, request, std::nullopt, progress, stop);
}

std::optional<DrillRecord> run_due_drill(Context& context, const DrillRequest& request,
                                         drill::Progress& progress, std::stop_token stop) {
  const repository::Repository repository = context.repository(stop);
  const monitor::DrillsDue due =
      monitor::drills_due(context.policy(), monitor::read_drill_history(repository, 1, stop),
                          base::system_clock().now());
  if (due.state == monitor::DrillState::waiting) return std::nullopt;
  const Slot slot{.due = due.slot,
                  .tiers = {},
                  .rows = {{weekly_lane, drill_terms(context.policy()).finish_within}}};
  DrillRecord record;
  bool claimed = false;
  const auto work = [&](const repository::Claim&) -> base::Json {
    claimed = true;
    record = hold(context, repository, request, due.slot, progress, stop);
    return {{"drill", record.id}, {"outcome", record.passed ? "passed" : "failed"}};
  };
  try {
    run_slot(repository, slot, std::nullopt, work, stop);
  } catch (const Error& failure) {
    if (claimed || failure.kind() != ErrorKind::conflict) throw;
    return std::nullopt;  // somebody else holds it
  }
  return record;
}

repository::SignOff sign_off(Context& context, const SignOffRequest& request, Instant now,
                             std::stop_token stop) {
  const repository::Repository repository = context.repository(stop);
  const policy::Zone& zone = context.policy().timezone;
  const policy::Quarter quarter = request.quarter.value_or(policy::quarter_at(now, zone));
  const std::string name = policy::to_string(quarter);
  const Instant begins = policy::begin_of(quarter, zone);
  const Instant ends = policy::begin_of(policy::next(quarter), zone);
  if (begins > now) throw base::error(ErrorKind::invalid, "the quarter {} has not begun", name);
  repository::SignOff sign_off{
      .quarter = name, .by = request.by, .at = now, .note = request.note, .drills = {}};
  for (const DrillRecord& record : repository::read_drills(repository, of_a_quarter, stop)) {
    if (record.passed && record.started >= begins && record.started < ends)
      sign_off.drills.push_back(record.id);
  }
  if (sign_off.drills.empty())
    throw Error(ErrorKind::invalid, fmt::format("no drill passed in {}", name),
                "hold one: seawall drill");
  repository::put_sign_off(repository, sign_off, stop);
  return sign_off;
}

}  // namespace app
