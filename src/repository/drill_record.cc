#include "repository/drill_record.h"

#include <algorithm>

#include "base/error.h"

namespace repository {

using base::Instant;
using base::Json;
using base::member;
using base::member_if_there;

namespace {

constexpr const char* drill_prefix = "drills/";
constexpr const char* drill_type = "drill";
constexpr const char* sign_off_prefix = "sign-offs/";
constexpr const char* sign_off_type = "sign-off";

std::string prefix_of(DrillKind kind) { return fmt::format("{}{}/", drill_prefix, name(kind)); }

ObjectKey key_of(DrillKind kind, const std::string& id) {
  return ObjectKey(prefix_of(kind) + id + ".json");
}

double seconds(base::Duration duration) { return std::chrono::duration<double>(duration).count(); }

base::Duration duration_of(double count) {
  return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(count));
}

template <typename T, typename Show>
Json or_null(const std::optional<T>& value, const Show& show) {
  return value ? Json(show(*value)) : Json(nullptr);
}

std::optional<base::Duration> duration_if_there(const Json& json, const char* name) {
  const std::optional<double> count = member_if_there<double>(json, name);
  return count ? std::optional(duration_of(*count)) : std::nullopt;
}

std::optional<Instant> instant_if_there(const Json& json, const char* name) {
  const std::optional<std::string> text = member_if_there<std::string>(json, name);
  return text ? std::optional(base::from_rfc3339(*text)) : std::nullopt;
}

DrillVerdict parse_verdict(const std::string& text) {
  for (const DrillVerdict verdict :
       {DrillVerdict::passed, DrillVerdict::failed, DrillVerdict::unproven}) {
    if (name(verdict) == text) return verdict;
  }
  throw base::error(base::ErrorKind::corrupt, "'{}' is no verdict", text);
}

Json steps_json(const DrillRecord& record) {
  Json steps = Json::array();
  for (const DrillStep& step : record.steps)
    steps.push_back({{"name", step.name}, {"seconds", seconds(step.took)}});
  return steps;
}

Json checks_json(const DrillRecord& record) {
  Json checks = Json::array();
  for (const DrillCheckResult& check : record.checks)
    checks.push_back(
        {{"name", check.name}, {"verdict", name(check.verdict)}, {"seen", check.seen}});
  return checks;
}

Json at_worst_json(const WorstRestore& worst) {
  return {{"bytes", worst.bytes},
          {"log_bytes", worst.log_bytes},
          {"bytes_per_second", worst.bytes_per_second},
          {"log_bytes_per_second", worst.log_bytes_per_second},
          {"files_measured", worst.files_measured},
          {"log_measured", worst.log_measured},
          {"seconds", seconds(worst.takes)}};
}

WorstRestore at_worst_from(const Json& json) {
  WorstRestore worst;
  worst.bytes = member<uint64_t>(json, "bytes");
  worst.log_bytes = member<uint64_t>(json, "log_bytes");
  worst.bytes_per_second = member<uint64_t>(json, "bytes_per_second");
  worst.log_bytes_per_second = member<uint64_t>(json, "log_bytes_per_second");
  worst.files_measured = member<bool>(json, "files_measured");
  worst.log_measured = member<bool>(json, "log_measured");
  worst.takes = duration_of(member<double>(json, "seconds"));
  return worst;
}

Json known_bad_json(const DrillRecord& record) {
  Json all = Json::array();
  for (const KnownBad& one : record.known_bad)
    all.push_back({{"what", one.what}, {"check", one.check}, {"caught", one.caught}});
  return all;
}

Json tables_json(const DrillRecord& record) {
  Json tables = Json::array();
  for (const TableCount& table : record.tables)
    tables.push_back({{"table", table.table}, {"rows", table.rows}});
  return tables;
}

// Member by member: g++ 12 destroys parts of an aggregate twice when a later initialiser throws.
void read_parts(const Json& json, DrillRecord& record) {
  for (const Json& one : member<Json>(json, "steps")) {
    DrillStep& step = record.steps.emplace_back();
    step.name = member<std::string>(one, "name");
    step.took = duration_of(member<double>(one, "seconds"));
  }
  for (const Json& one : member<Json>(json, "known_bad")) {
    KnownBad& bad = record.known_bad.emplace_back();
    bad.what = member<std::string>(one, "what");
    bad.check = member<std::string>(one, "check");
    bad.caught = member<bool>(one, "caught");
  }
  for (const Json& one : member<Json>(json, "checks")) {
    DrillCheckResult& check = record.checks.emplace_back();
    check.name = member<std::string>(one, "name");
    check.verdict = parse_verdict(member<std::string>(one, "verdict"));
    check.seen = member<std::string>(one, "seen");
  }
  for (const Json& one : member<Json>(json, "tables")) {
    TableCount& table = record.tables.emplace_back();
    table.table = member<std::string>(one, "table");
    table.rows = member<int64_t>(one, "rows");
  }
  record.notes = member<std::vector<std::string>>(json, "notes");
}

std::string_view without_random_end(const storage::ObjectInfo& object) {
  const std::string_view key = object.key.text();
  return key.substr(0, key.rfind('-'));
}

// Of one kind, oldest first. A key tells the second; of several within one, the records tell.
std::vector<DrillRecord> read_newest(const Repository& repository, DrillKind kind,
                                     size_t newest_max, std::stop_token stop) {
  const std::vector<storage::ObjectInfo> all =
      storage::list_all(repository.store(), prefix_of(kind), stop);
  size_t first = all.size() - std::min(all.size(), newest_max);
  while (first > 0 && first < all.size() &&
         without_random_end(all[first - 1]) == without_random_end(all[first]))
    --first;
  std::vector<DrillRecord> records;
  for (size_t i = first; i < all.size(); ++i)
    records.push_back(drill_record_from_json(repository.read_json(all[i].key, drill_type, stop)));
  std::ranges::sort(records, {}, &DrillRecord::started);
  if (records.size() > newest_max)
    records.erase(records.begin(), records.end() - static_cast<std::ptrdiff_t>(newest_max));
  return records;
}

}  // namespace

std::string_view name(DrillKind kind) {
  switch (kind) {
    case DrillKind::latest:
      return "latest";
    case DrillKind::moment:
      return "moment";
    case DrillKind::weekly:
      return "weekly";
    case DrillKind::dump:
      return "dump";
    case DrillKind::replica:
      return "replica";
    case DrillKind::major:
      return "major";
  }
  CHECK(false);
  return {};
}

DrillKind parse_drill_kind(std::string_view text) {
  for (const DrillKind kind : all_drill_kinds) {
    if (name(kind) == text) return kind;
  }
  throw base::Error(base::ErrorKind::invalid, fmt::format("'{}' is no kind of drill", text),
                    "the kinds are latest, moment, weekly, dump, replica and major");
}

bool is_physical(DrillKind kind) {
  return kind == DrillKind::latest || kind == DrillKind::moment || kind == DrillKind::weekly;
}

std::string_view name(DrillVerdict verdict) {
  switch (verdict) {
    case DrillVerdict::passed:
      return "passed";
    case DrillVerdict::failed:
      return "failed";
    case DrillVerdict::unproven:
      return "unproven";
  }
  CHECK(false);
  return {};
}

std::string describe(const WorstRestore& worst) {
  const auto rate = [](uint64_t per_second, bool measured) {
    return fmt::format("{}/s{}", base::human_bytes(per_second), measured ? "" : " (a guess)");
  };
  return fmt::format(
      "about {}: {} of files at {}, {} of log at {}", base::human_duration(worst.takes),
      base::human_bytes(worst.bytes), rate(worst.bytes_per_second, worst.files_measured),
      base::human_bytes(worst.log_bytes), rate(worst.log_bytes_per_second, worst.log_measured));
}

std::string DrillRecord::failure() const {
  if (passed) return {};
  if (!error.empty()) return fmt::format("{}: {}", failed_step, error);
  if (known_bad.empty())
    return "there was nothing to damage on purpose, so no check was shown to be able to fail";
  for (const KnownBad& one : known_bad) {
    if (!one.caught)
      return fmt::format("the check '{}' did not find damage that was done on purpose: {}",
                         one.check, one.what);
  }
  std::string all;
  for (const DrillCheckResult& check : checks) {
    if (check.verdict != DrillVerdict::failed) continue;
    all += fmt::format("{}{}: {}", all.empty() ? "" : "; ", check.name, check.seen);
  }
  return all;
}

namespace {
// Texts of databases and programs may be of any encoding, or cut in the middle of a character.
Json with_valid_text(const Json& json) {
  return Json::parse(json.dump(-1, ' ', false, Json::error_handler_t::replace));
}
}  // namespace

Json to_json(const DrillRecord& record) {
  const auto time = [](Instant instant) { return base::to_rfc3339(instant); };
  Json json = {{"id", record.id},
               {"kind", name(record.kind)},
               {"slot", or_null(record.slot, time)},
               {"started", time(record.started)},
               {"ended", time(record.ended)},
               {"host", record.host},
               {"outcome", record.passed ? "passed" : "failed"},
               {"failed_step", record.failed_step},
               {"error_kind", record.error_kind},
               {"error", record.error},
               {"hint", record.hint},
               {"source", record.source},
               {"place", record.place},
               {"target", record.target},
               {"seed", record.seed ? Json(std::to_string(*record.seed)) : Json(nullptr)},
               {"moment", or_null(record.moment, time)},
               {"major", record.major},
               {"bytes", record.bytes},
               {"cut_off", record.cut_off},
               {"steps", steps_json(record)},
               {"known_bad", known_bad_json(record)},
               {"checks", checks_json(record)},
               {"rto_seconds", or_null(record.rto, seconds)},
               {"rpo_seconds", or_null(record.rpo, seconds)},
               {"rpo_by", record.rpo_by},
               {"rto_objective_seconds", or_null(record.rto_objective, seconds)},
               {"rpo_objective_seconds", or_null(record.rpo_objective, seconds)},
               {"at_worst", or_null(record.at_worst, at_worst_json)},
               {"tables", tables_json(record)},
               {"notes", record.notes}};
  return with_valid_text(json);
}

DrillRecord drill_record_from_json(const Json& json) {
  return base::corrupt_if_invalid([&] {
    DrillRecord record;
    record.id = member<std::string>(json, "id");
    record.kind = parse_drill_kind(member<std::string>(json, "kind"));
    record.slot = instant_if_there(json, "slot");
    record.started = base::from_rfc3339(member<std::string>(json, "started"));
    record.ended = base::from_rfc3339(member<std::string>(json, "ended"));
    record.host = member<std::string>(json, "host");
    record.passed = member<std::string>(json, "outcome") == "passed";
    record.failed_step = member<std::string>(json, "failed_step");
    record.error_kind = member<std::string>(json, "error_kind");
    record.error = member<std::string>(json, "error");
    record.hint = member<std::string>(json, "hint");
    record.source = member<std::string>(json, "source");
    record.place = member<std::string>(json, "place");
    record.target = member<std::string>(json, "target");
    // As text: not every reader of JSON has 64 bits for a number.
    if (const auto seed = member_if_there<std::string>(json, "seed"))
      record.seed = std::strtoull(seed->c_str(), nullptr, 10);
    record.moment = instant_if_there(json, "moment");
    record.major = member<int>(json, "major");
    record.bytes = member<uint64_t>(json, "bytes");
    record.cut_off = member<bool>(json, "cut_off");
    read_parts(json, record);
    record.rto = duration_if_there(json, "rto_seconds");
    record.rpo = duration_if_there(json, "rpo_seconds");
    record.rpo_by = member<std::string>(json, "rpo_by");
    record.rto_objective = duration_if_there(json, "rto_objective_seconds");
    record.rpo_objective = duration_if_there(json, "rpo_objective_seconds");
    if (const auto worst = member_if_there<Json>(json, "at_worst"))
      record.at_worst = at_worst_from(*worst);
    return record;
  });
}

void put_drill(const Repository& repository, const DrillRecord& record, std::stop_token stop) {
  repository.put_json(key_of(record.kind, record.id), drill_type, to_json(record), stop);
}

std::vector<DrillRecord> read_drills(const Repository& repository, size_t newest_max,
                                     std::stop_token stop) {
  std::vector<DrillRecord> records;
  for (const DrillKind kind : all_drill_kinds) {
    for (DrillRecord& record : read_newest(repository, kind, newest_max, stop))
      records.push_back(std::move(record));
  }
  std::ranges::sort(records, {}, &DrillRecord::started);
  return records;
}

DrillRecord read_drill(const Repository& repository, const std::string& id, std::stop_token stop) {
  const bool fits = !id.empty() && std::ranges::all_of(id, storage::ObjectKey::allows);
  for (const DrillKind kind : all_drill_kinds) {
    if (!fits) break;
    const std::optional<Json> body =
        repository.read_json_if_there(key_of(kind, id), drill_type, stop);
    if (body) return drill_record_from_json(*body);
  }
  throw base::Error(base::ErrorKind::absent, fmt::format("there is no drill '{}'", id),
                    "'seawall drill list' shows them");
}

Json to_json(const SignOff& sign_off) {
  return with_valid_text({{"quarter", sign_off.quarter},
                          {"by", sign_off.by},
                          {"at", base::to_rfc3339(sign_off.at)},
                          {"note", sign_off.note},
                          {"drills", sign_off.drills}});
}

void put_sign_off(const Repository& repository, const SignOff& sign_off, std::stop_token stop) {
  const ObjectKey key(
      fmt::format("{}{}/{}.json", sign_off_prefix, sign_off.quarter, new_run_id(sign_off.at)));
  repository.put_json(key, sign_off_type, to_json(sign_off), stop);
}

std::vector<SignOff> read_sign_offs(const Repository& repository, std::stop_token stop) {
  std::vector<SignOff> all;
  for (const storage::ObjectInfo& object :
       storage::list_all(repository.store(), sign_off_prefix, stop)) {
    const Json body = repository.read_json(object.key, sign_off_type, stop);
    SignOff& one = all.emplace_back();
    base::corrupt_if_invalid([&] {
      one.quarter = member<std::string>(body, "quarter");
      one.by = member<std::string>(body, "by");
      one.at = base::from_rfc3339(member<std::string>(body, "at"));
      one.note = member<std::string>(body, "note");
      one.drills = member<std::vector<std::string>>(body, "drills");
    });
  }
  return all;
}

}  // namespace repository
