// The replication protocol by libpq. A ReplicationStream belongs to one thread.
// Source: PostgreSQL documentation, "Streaming Replication Protocol";
// src/bin/pg_basebackup/receivelog.c for its order of things.
#pragma once

#include <variant>

#include "base/bytes.h"
#include "base/time.h"
#include "postgres/connection.h"

namespace postgres {

struct SystemIdentity {
  uint64_t system_identifier = 0;
  Timeline timeline;
  Lsn position;
};
SystemIdentity identify_system(Connection& replication);

struct SlotState {
  Lsn restart;  // what the server still keeps for it begins here; 0 when nothing is reserved
};
// The slot, or nothing when there is none. `sql` is an ordinary connection.
std::optional<SlotState> find_slot(Connection& sql, const std::string& slot);
// Creates a physical slot with WAL reserved.
void create_slot(Connection& replication, const std::string& slot);

// The text of a timeline's history file.
std::string timeline_history_text(Connection& replication, Timeline timeline);

// WAL as it comes: bytes from a position on.
struct WalData {
  Lsn start;
  base::Bytes bytes;
};
struct Keepalive {
  Lsn server_position;
  bool reply_wanted = false;
};
struct TimelineEnd {
  std::optional<Timeline> next;  // nothing when the server ended the stream for another reason
  Lsn switched_at;
};
struct Nothing {};  // within the time given
using StreamEvent = std::variant<WalData, Keepalive, TimelineEnd, Nothing>;

class ReplicationStream {
 public:
  // Starts streaming on a connection opened with replication=true; `from` is at a segment's
  // boundary.
  ReplicationStream(Connection& replication, const std::string& slot, Timeline timeline, Lsn from);

  // The next event, waiting at most `patience`. Throws unavailable when the connection is lost.
  StreamEvent next(base::Duration patience);
  // Tells the server what is received and what is durable (positions behind the last byte).
  void report(Lsn received, Lsn durable);

 private:
  TimelineEnd finish();
  Connection& connection_;
};

}  // namespace postgres
