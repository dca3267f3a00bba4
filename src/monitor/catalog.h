// What the repository holds, as the policy's pure functions want to be told it. Read from the
// objects alone.
#pragma once

#include <map>

#include "monitor/drills.h"
#include "monitor/finding.h"
#include "monitor/replica.h"
#include "policy/due.h"
#include "policy/retention.h"
#include "repository/dump_record.h"
#include "repository/journal.h"
#include "repository/probe_record.h"
#include "repository/snapshot_root.h"
#include "repository/verification.h"
#include "repository/wal_archive.h"

namespace monitor {

// Where dumps of a database are kept. Borrowed.
struct DumpPlace {
  std::string tier;  // that stores there
  storage::ObjectStore& store;
};

struct CatalogedDump {
  std::string tier;  // of the policy, whose store it is in
  repository::StoredDump stored;
  std::optional<repository::DumpRecord> record;  // nothing: unfinished, or unreadable
  bool closed = false;                           // to us: `record` is what its run's record tells
  std::string unreadable;                        // why its record cannot be read
};

struct Catalog {
  std::vector<repository::Epoch> epochs;
  std::vector<repository::SnapshotRoot> snapshots;  // of all epochs, oldest first
  std::vector<repository::UnreadableRoot> unreadable;
  std::vector<CatalogedDump> dumps;                  // of the policy's database
  std::optional<repository::Verification> verified;  // the newest
  policy::RetentionInput retention;
  std::map<policy::TierKey, policy::TierHistory> histories;
  std::map<uint32_t, std::map<uint32_t, std::map<uint64_t, repository::SegmentHolding>>>
      wal;                                       // by epoch, timeline, segment
  std::optional<repository::ProbeRecord> probe;  // the newest
  std::map<policy::TierKey, repository::RunRecord>
      last_runs;                                     // the newest that ended, of each tier
  std::map<std::string, std::string> denied_places;  // tiers whose dumps we may not list, and why
  std::vector<ReplicaState> replicas;                // where they were asked for
  std::vector<Finding> of_places;  // what buckets' own rules do to what is kept there
  DrillHistory drills;
  std::vector<std::string> unconfirmed_keys;  // key files that nobody has a confirmed copy of
};

// `database` is the one whose dumps are meant; a store may hold others'.
Catalog read_catalog(const policy::Policy& policy, const repository::Repository& repository,
                     const std::string& database, const std::vector<DumpPlace>& dump_places,
                     base::Instant now, std::stop_token stop);

// As much of it as says what is due and how the last runs went: without the log.
Catalog read_histories(const policy::Policy& policy, const repository::Repository& repository,
                       const std::string& database, const std::vector<DumpPlace>& dump_places,
                       base::Instant now, std::stop_token stop);

// The lane of a tier, as claims and runs are filed.
std::string lane(policy::TieredLayer layer, const std::string& tier);

// Segments missing between a snapshot's start and the newest segment held on its timeline.
struct Hole {
  uint32_t epoch = 0;
  postgres::Timeline timeline;
  uint64_t first = 0;  // segment numbers
  uint64_t last = 0;
};
std::vector<Hole> find_holes(const Catalog& catalog);

}  // namespace monitor
