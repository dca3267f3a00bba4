#include "drill/steps.h"

#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "drill/bounded_run.h"
#include "postgres/control_file.h"

namespace drill {

using base::Error;
using base::ErrorKind;
using repository::DrillCheckResult;
using repository::DrillRecord;
using repository::DrillVerdict;

namespace {

constexpr int oldest_major = 14;  // those whose control file we read
constexpr int newest_major = 18;

std::string megabytes(uint64_t bytes, uint64_t least) {
  return fmt::format("{}MB", std::max(least, bytes / base::MiB));
}

DrillCheckResult compare(const char* name, base::Duration took, base::Duration objective,
                         const std::string& by) {
  const bool met = took <= objective;
  return {name, met ? DrillVerdict::passed : DrillVerdict::failed,
          fmt::format("{}{}, and the objective is {}", base::human_duration(took), by,
                      base::human_duration(objective))};
}

}  // namespace

void Steps::begin(const char* name) {
  record_.failed_step = name;
  progress_.step = name;
}

void Steps::add(const std::string& name, base::Duration took) {
  for (repository::DrillStep& step : record_.steps) {
    if (step.name != name) continue;
    step.took += took;
    return;
  }
  auto place = record_.steps.end();
  if (place != record_.steps.begin() && std::prev(place)->name == "checks") --place;  // the last
  record_.steps.insert(place, {name, took});
}

void require_ordinary_user() {
  if (geteuid() != 0) return;
  throw Error(ErrorKind::denied, "PostgreSQL does not run as root, so no drill can",
              "run it as the user that PostgreSQL runs as: sudo -u postgres seawall drill");
}

void require_room(const base::Path& scratch, uint64_t needed, const std::string& what) {
  const uint64_t room = base::free_bytes(scratch);
  if (room >= needed) return;
  throw Error(ErrorKind::full,
              fmt::format("{} needs {}, and {} has {} free", what, base::human_bytes(needed),
                          scratch.string(), base::human_bytes(room)),
              "name a roomier folder: drill.scratch in the policy, or --scratch");
}

std::map<std::string, std::string> bounded_settings(uint64_t memory_bytes_max, unsigned threads,
                                                    int major) {
  std::map<std::string, std::string> settings = {
      {"shared_buffers", megabytes(memory_bytes_max / 2, 8)},
      {"work_mem", megabytes(memory_bytes_max / 32, 1)},
      {"hash_mem_multiplier", "1"},
      {"maintenance_work_mem", megabytes(memory_bytes_max / 8, 8)},
      {"huge_pages", "off"},
      {"max_parallel_workers_per_gather", std::to_string(threads)},
  };
  constexpr int has_event_triggers_setting = 17;
  if (major >= has_event_triggers_setting) settings["event_triggers"] = "off";  // also at login
  return settings;
}

bool passes(const DrillRecord& record) {
  return record.error.empty() && !record.known_bad.empty() &&
         std::ranges::all_of(record.known_bad,
                             [](const repository::KnownBad& bad) { return bad.caught; }) &&
         std::ranges::none_of(record.checks, [](const DrillCheckResult& check) {
           return check.verdict == DrillVerdict::failed;
         });
}

void judge_objectives(const policy::Objectives& objectives, DrillRecord& record) {
  record.rto_objective = objectives.rto;
  record.rpo_objective = objectives.rpo;
  if (!is_physical(record.kind)) {
    if (objectives.rto && record.rto && *record.rto > *objectives.rto)
      record.notes.push_back(
          fmt::format("a dump came back in {}, and the objective, which is of snapshots, is {}",
                      base::human_duration(*record.rto), base::human_duration(*objectives.rto)));
    return;
  }
  if (objectives.rto && record.rto)
    record.checks.push_back(compare("rto", *record.rto, *objectives.rto, ""));
  // What was not measured is no failure.
  if (objectives.rto && record.rto && record.at_worst && record.at_worst->takes > *objectives.rto)
    record.checks.push_back({"rto at worst", DrillVerdict::unproven,
                             fmt::format("{}; the objective is {}", describe(*record.at_worst),
                                         base::human_duration(*objectives.rto))});
  // A snapshot by itself promises no more than its own time.
  if (!objectives.rpo || !record.rpo || record.kind == repository::DrillKind::weekly) return;
  DrillCheckResult check = compare("rpo", *record.rpo, *objectives.rpo, " by the " + record.rpo_by);
  if (check.verdict == DrillVerdict::failed && record.rpo_by != "heartbeat") {
    check.verdict = DrillVerdict::unproven;
    check.seen += "; without a heartbeat an idle database looks the same";
  }
  record.checks.push_back(std::move(check));
}

std::vector<int> installed_majors(const std::optional<base::Path>& programs) {
  std::vector<int> majors;
  for (int major = oldest_major; major <= newest_major; ++major) {
    try {
      layers::find_server_programs(major, programs);
      majors.push_back(major);
    } catch (const Error& failure) {
      if (failure.kind() != ErrorKind::absent) throw;
    }
  }
  return majors;
}

}  // namespace drill
