// What documents are written from: the policy, and what is true of it as far as anyone can tell.
// Values; app/evidence.h reads them.
#pragma once

#include "documents/text.h"
#include "monitor/catalog.h"
#include "monitor/status.h"

namespace documents {

// A restore that was rehearsed, as its record tells.
struct Rehearsal {
  std::string kind;  // "latest", "dump", ...
  base::Instant at;
  bool passed = false;
  std::optional<base::Duration> rto;
  std::optional<base::Duration> rpo;
  std::string why;  // it failed
};

// Somebody's word that a quarter's drill was done and looked at.
struct SignOff {
  std::string quarter;  // "2026Q4"
  std::string by;
  base::Instant at;
  std::string note;
};

// Where the newest dump of a tier is, and until when it cannot be deleted.
struct DumpFacts {
  std::string newest;  // name; empty: there is none
  std::string lock;    // "locked until ..."; empty: none can be seen
  std::string copy;    // of the newest, in another region: "there, the same"; empty: none wanted
};

// A key that the policy named, since when.
struct KeyChange {
  base::Instant since;
  std::string key;
};

// What the repository and the stores tell.
struct Evidence {
  monitor::Status status;
  std::map<std::string, DumpFacts> dumps;  // by tier
  std::vector<Rehearsal> rehearsals;       // oldest first
  std::vector<SignOff> sign_offs;          // oldest first
  std::vector<KeyChange> keys;             // of the repository, oldest first
  uint64_t cluster_bytes = 0;              // of the newest snapshot
  std::vector<uint32_t> tablespaces;       // by oid, of the same
};

struct Facts {
  const policy::Policy& policy;  // borrowed
  std::string policy_file;       // absolute
  std::string policy_text;       // for the owner's own words in its comments
  base::Instant now;
  std::string host;      // where this was written
  std::string database;  // its name
  std::string psql;      // how psql is told of it, without a secret: a URI, or its name
  std::string server;    // "db1.example.net:5432", "the socket in /run/postgresql"
  int major = 0;         // of the server, as the newest snapshot or dump has it; 0: not known
  std::optional<Evidence> evidence;  // nothing where a runbook is written without it
  std::string why_none;              // it could not be read
};

// The newest rehearsal that proves the line: of a layer, and a tier of it. Nothing: not drilled
// yet.
const Rehearsal* last_proven_restore(const Evidence& evidence, std::string_view layer,
                                     std::string_view tier);

// What the owner wrote above a key of the policy: the comment lines that stand directly above the
// first line of that key, joined. Empty: nothing.
std::string comment_above(std::string_view policy_text, std::string_view key);

// As most sentences want a moment: to the minute, in the policy's zone.
std::string minute_of(base::Instant instant, const policy::Zone& zone);

// "Nightly 03:00 Asia/Singapore", "Daily 14:00 ...", "Sunday 03:00 ...", "Every 15 minutes".
std::string cadence_in_words(const policy::Cadence& cadence, const policy::Zone& zone);

// "s3://shop-backups-eu-west-2 (eu-west-2)"
std::string place_in_words(const policy::Place& place, const policy::Reach& own,
                           const policy::S3& settings);

bool in_buckets(const policy::Policy& policy);

}  // namespace documents
