// What the database server itself says of its archiving, where it can be asked, and what is wrong
// with that. The judgement is a pure function; app/server_facts.h asks.
#pragma once

#include <optional>
#include <vector>

#include "monitor/finding.h"
#include "policy/policy.h"

namespace monitor {

struct SlotFacts {
  bool there = false;
  bool active = false;          // somebody streams from it
  std::string wal_status;       // "reserved", "extended", "unreserved", "lost"
  uint64_t retained_bytes = 0;  // of WAL that the server keeps for it
};

struct ServerFacts {
  std::string unreachable;  // why nothing below is known
  bool standby = false;
  bool archives = false;  // archive_mode is on, and there is a command or a library
  int64_t failed_count = 0;
  std::optional<base::Instant> last_archived;
  std::optional<base::Instant> last_failed;
  std::string last_failed_wal;
  std::optional<int64_t> ready_files;       // that wait for the archiver; nothing: we may not look
  uint64_t wal_bytes = 0;                   // of pg_wal
  std::optional<uint64_t> disk_free_bytes;  // where pg_wal is, if that is on this host
  std::optional<uint64_t> disk_bytes;
  std::optional<SlotFacts> slot;  // of layers.pitr.receive
  std::optional<base::Instant> heartbeat;
  bool heartbeat_table = false;
  base::Duration clock_ahead{};  // of the server's clock, before ours
  bool all_archived = false;     // every transaction that ended is in the archive
};

// `last_transaction` is the newest commit found in the archived log.
std::vector<Finding> judge_server(const policy::Policy& policy, const ServerFacts& facts,
                                  std::optional<base::Instant> last_transaction, base::Instant now);

// Keys of these begin with one of the words, for who could not ask.
inline const std::vector<std::string> server_findings = {
    "archiver:", "receiver:", "disk:", "heartbeat:", "rpo:", "clock:server"};

}  // namespace monitor
