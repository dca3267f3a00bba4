// What is kept and why, and what may go: one pure function of (policy, catalog, now). It deletes
// nothing; `prune` does, from this answer.
//
// Rules, in the order of their reasons:
//   1. Age. A tier keeps what was taken for it until `retain` after its slot. What serves two tiers
//   is kept by the longer.
//      What no tier of the policy claims (taken by hand, or for a tier that is gone) is kept as
//      long as the longest tier.
//   2. The last good one of a tier is never let go, whatever its age; nor is the newest good one of
//   all.
//   3. The recovery window. On every branch of history that the window still reaches, the newest
//   good snapshot that had
//      ended when the window begins is kept (or the oldest there is, while none is that old), and
//      all WAL from its start.
//   4. A hold (a restore that reads it) keeps a snapshot and all WAL from its start.
//   5. Every kept snapshot keeps its own WAL, from start to stop.
// `.history` files are always kept: they are tiny, and say which branch is whose; so they are no
// input here.
//
// A branch is a timeline of an epoch. A snapshot can serve a branch if it was taken on it, or on an
// ancestor before the fork: what was taken after the fork holds pages that the child never had.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "policy/policy.h"

namespace policy {

// A committed snapshot, as the catalog knows it.
struct CatalogSnapshot {
  std::string id;
  std::vector<std::string> tiers;     // that it was taken for; empty: by hand
  std::optional<base::Instant> slot;  // what it was due for; nothing: by hand
  base::Instant started;
  base::Instant ended;  // from here on recovery can reach any moment
  uint64_t epoch = 1;
  uint32_t timeline = 1;
  uint64_t start_lsn = 0;
  uint64_t stop_lsn = 0;
  bool damaged = false;  // verify found that it cannot be restored: it ages, but counts for nothing
  bool held = false;     // a restore reads it now
};

struct CatalogDump {
  std::string id;
  std::string tier;  // empty: by hand
  std::optional<base::Instant> slot;
  base::Instant started;
  bool damaged = false;
  bool held = false;
};

// A branch of the cluster's history that the archive holds WAL of. Every such branch must be
// listed, or its WAL counts as not needed.
struct CatalogTimeline {
  uint64_t epoch = 1;
  uint32_t timeline = 1;
  uint32_t parent = 0;    // 0: none, or not known
  uint64_t fork_lsn = 0;  // where it left its parent
  base::Instant newest;   // when its newest WAL was stored
};

struct RetentionInput {
  std::vector<CatalogSnapshot> snapshots;
  std::vector<CatalogDump> dumps;
  std::vector<CatalogTimeline> timelines;
};

struct Verdict {
  std::string id;
  bool keep = true;
  std::vector<std::string> reasons;  // sentences without full stop, at least one
};

// WAL that is kept: the bytes [from, to) of one timeline, without `to` all that is there and comes.
struct WalRange {
  uint64_t epoch = 1;
  uint32_t timeline = 1;
  uint64_t from = 0;
  std::optional<uint64_t> to;
  std::string reason;
};

struct Retention {
  std::vector<Verdict> snapshots;  // in the order of the input
  std::vector<Verdict> dumps;
  std::vector<WalRange> wal;  // may overlap
};

Retention decide_retention(const Policy& policy, const RetentionInput& catalog, base::Instant now);

// A piece of archived WAL: a segment, or a chunk of one.
struct WalPiece {
  uint64_t epoch = 1;
  uint32_t timeline = 1;
  uint64_t begin = 0;
  uint64_t end = 0;
};

// Whether some kept range needs a byte of it.
bool needed(const Retention& retention, const WalPiece& piece);

}  // namespace policy
