// What drills found, and who signed a quarter off, kept. docs/formats/repository.md, "Drills".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "repository/repository.h"

namespace repository {

// What a drill rehearses; the order is the rotation's.
enum class DrillKind {
  latest,   // the end of the archived log
  moment,   // a random second of the recovery window
  weekly,   // a weekly snapshot
  dump,     // the newest dump
  replica,  // its copy in another region, with that one's key
  major,    // the newest dump into another major version of PostgreSQL
};
inline constexpr DrillKind all_drill_kinds[] = {DrillKind::latest,  DrillKind::moment,
                                                DrillKind::weekly,  DrillKind::dump,
                                                DrillKind::replica, DrillKind::major};
std::string_view name(DrillKind kind);
// Throws invalid, with the kinds there are.
DrillKind parse_drill_kind(std::string_view text);
// Whether it is of the data files and the log; else it is of a dump.
bool is_physical(DrillKind kind);

struct DrillStep {
  std::string name;  // fetch, replay, ready, scrub, checks
  base::Duration took{};
};

enum class DrillVerdict { passed, failed, unproven };
std::string_view name(DrillVerdict verdict);

struct DrillCheckResult {
  std::string name;
  DrillVerdict verdict = DrillVerdict::unproven;
  std::string seen;  // in a sentence
};

// Damage that was done on purpose, and that the checks had to find.
struct KnownBad {
  std::string what;
  std::string check;  // that had to fail
  bool caught = false;
};

struct TableCount {
  std::string table;  // quoted where it must be, with its schema
  int64_t rows = 0;
};

// How long a restore takes at this drill's speed when there is most to do: to the last second
// before the next snapshot, of the largest. An estimate: drills mostly have less to do.
struct WorstRestore {
  uint64_t bytes = 0;      // of files
  uint64_t log_bytes = 0;  // to replay
  uint64_t bytes_per_second = 0;
  uint64_t log_bytes_per_second = 0;
  // Whether the drill had enough of each to tell its speed; else it is a guess.
  bool files_measured = false;
  bool log_measured = false;
  base::Duration takes{};
};
std::string describe(const WorstRestore& worst);  // in half a sentence

struct DrillRecord {
  std::string id;  // as a run's
  DrillKind kind = DrillKind::latest;
  std::optional<base::Instant> slot;  // of the weekly drill that it was held for
  base::Instant started{};
  base::Instant ended{};
  std::string host;
  bool passed = false;
  // What ended it early: the step, and the error. Empty when all its steps were gone through.
  std::string failed_step;
  std::string error_kind;
  std::string error;
  std::string hint;

  std::string source;                   // "snapshot 20261122T190000Z", a dump's name
  std::string place;                    // the store it came from
  std::string target;                   // "2026-11-22T14:03:07Z", in words
  std::optional<uint64_t> seed;         // that chose the moment
  std::optional<base::Instant> moment;  // that was restored to, as far as transactions tell
  int major = 0;                        // of the scratch server
  uint64_t bytes = 0;                   // that were restored: files, or the archive
  bool cut_off = false;                 // the server had no network at all

  std::vector<DrillStep> steps;
  std::vector<KnownBad> known_bad;
  std::vector<DrillCheckResult> checks;
  std::optional<base::Duration> rto;
  std::optional<base::Duration> rpo;
  std::string rpo_by;  // "heartbeat", "last transaction", "dump"
  std::optional<base::Duration> rto_objective;
  std::optional<base::Duration> rpo_objective;
  std::optional<WorstRestore> at_worst;  // of drills of files and log
  std::vector<TableCount> tables;        // at most `drill_tables_max`, the largest
  std::vector<std::string> notes;

  // Why it did not pass, in one sentence; empty when it did.
  std::string failure() const;
};

inline constexpr size_t drill_tables_max = 1000;

base::Json to_json(const DrillRecord& record);
DrillRecord drill_record_from_json(const base::Json& json);  // throws corrupt

void put_drill(const Repository& repository, const DrillRecord& record, std::stop_token stop);
// The newest `newest_max` of each kind, oldest first.
std::vector<DrillRecord> read_drills(const Repository& repository, size_t newest_max,
                                     std::stop_token stop);
// The one with this id. Throws absent, corrupt.
DrillRecord read_drill(const Repository& repository, const std::string& id, std::stop_token stop);

// Somebody's word that a quarter's checklist was gone through.
struct SignOff {
  std::string quarter;  // "2026Q4"
  std::string by;
  base::Instant at{};
  std::string note;
  std::vector<std::string> drills;  // of that quarter, that passed
};

base::Json to_json(const SignOff& sign_off);
void put_sign_off(const Repository& repository, const SignOff& sign_off, std::stop_token stop);
// Oldest quarter first.
std::vector<SignOff> read_sign_offs(const Repository& repository, std::stop_token stop);

}  // namespace repository
