#include "postgres/replication.h"

#include <endian.h>
#include <libpq-fe.h>
#include <poll.h>

#include "postgres/wal_reader.h"

namespace postgres {

using base::ByteView;
using base::Error;
using base::ErrorKind;

namespace {

uint64_t big_endian(const char* bytes) {
  uint64_t value = 0;
  std::memcpy(&value, bytes, sizeof value);
  return be64toh(value);
}

void append_big_endian(std::string& text, uint64_t value) {
  const uint64_t wire = htobe64(value);
  text.append(reinterpret_cast<const char*>(&wire), sizeof wire);
}

struct FreeMemory {
  void operator()(char* memory) const { PQfreemem(memory); }
};
struct ClearResult {
  void operator()(pg_result* result) const { PQclear(result); }
};
using Result = std::unique_ptr<pg_result, ClearResult>;

}  // namespace

SystemIdentity identify_system(Connection& replication) {
  const Rows rows = replication.simple("IDENTIFY_SYSTEM");
  return {std::stoull(rows.text(0, 0)),
          {static_cast<uint32_t>(rows.number(0, 1))},
          parse_lsn(rows.text(0, 2))};
}

std::optional<SlotState> find_slot(Connection& sql, const std::string& slot) {
  const Rows rows = sql.query(
      "select restart_lsn, slot_type from pg_replication_slots where slot_name = $1", {slot});
  if (rows.empty()) return std::nullopt;
  if (rows.text(0, 1) != "physical") {
    throw Error(ErrorKind::conflict, fmt::format("slot '{}' is a logical one", slot),
                "name another slot in the policy");
  }
  const std::optional<std::string> restart = rows.at(0, 0);
  return SlotState{restart ? parse_lsn(*restart) : Lsn{}};
}

void create_slot(Connection& replication, const std::string& slot) {
  replication.simple(
      fmt::format("CREATE_REPLICATION_SLOT {} PHYSICAL RESERVE_WAL", quote_identifier(slot)));
}

std::string timeline_history_text(Connection& replication, Timeline timeline) {
  return replication.simple(fmt::format("TIMELINE_HISTORY {}", timeline.value)).text(0, 1);
}

ReplicationStream::ReplicationStream(Connection& replication, const std::string& slot,
                                     Timeline timeline, Lsn from)
    : connection_(replication) {
  const std::string command = fmt::format("START_REPLICATION SLOT {} PHYSICAL {} TIMELINE {}",
                                          quote_identifier(slot), to_string(from), timeline.value);
  const Result result(PQexec(connection_.raw(), command.c_str()));
  if (PQresultStatus(result.get()) != PGRES_COPY_BOTH)
    throw_postgres(connection_.raw(), result.get(), "starting to stream WAL");
}

StreamEvent ReplicationStream::next(base::Duration patience) {
  char* raw = nullptr;
  int length = PQgetCopyData(connection_.raw(), &raw, 1);
  if (length == 0) {
    pollfd waiting{PQsocket(connection_.raw()), POLLIN, 0};
    poll(&waiting, 1,
         static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(patience).count()));
    if (PQconsumeInput(connection_.raw()) == 0)
      throw_postgres(connection_.raw(), nullptr, "streaming WAL");
    length = PQgetCopyData(connection_.raw(), &raw, 1);
    if (length == 0) return Nothing{};
  }
  const std::unique_ptr<char, FreeMemory> message(raw);
  if (length == -1) return finish();
  if (length < 0) throw_postgres(connection_.raw(), nullptr, "streaming WAL");
  const size_t size = static_cast<size_t>(length);
  if (raw[0] == 'w' && size >= 25) {
    const ByteView bytes(reinterpret_cast<const std::byte*>(raw) + 25, size - 25);
    return WalData{{big_endian(raw + 1)}, {bytes.begin(), bytes.end()}};
  }
  if (raw[0] == 'k' && size >= 18) return Keepalive{{big_endian(raw + 1)}, raw[17] != 0};
  throw base::error(ErrorKind::corrupt,
                    "the server sent a message of type '{}' that nobody expects here", raw[0]);
}

// The server has left the copy: answer it, and learn where the log goes on.
TimelineEnd ReplicationStream::finish() {
  if (PQputCopyEnd(connection_.raw(), nullptr) != 1)
    throw_postgres(connection_.raw(), nullptr, "ending the stream");
  TimelineEnd end{};
  while (Result result{PQgetResult(connection_.raw())}) {
    const ExecStatusType status = PQresultStatus(result.get());
    if (status == PGRES_TUPLES_OK && PQntuples(result.get()) == 1) {
      end.next = Timeline{static_cast<uint32_t>(std::stoul(PQgetvalue(result.get(), 0, 0)))};
      end.switched_at = parse_lsn(PQgetvalue(result.get(), 0, 1));
    } else if (status == PGRES_FATAL_ERROR) {
      throw_postgres(connection_.raw(), result.get(), "streaming WAL");
    }
  }
  return end;
}

void ReplicationStream::report(Lsn received, Lsn durable) {
  std::string message = "r";
  append_big_endian(message, received.value);
  append_big_endian(message, durable.value);
  append_big_endian(message, durable.value);
  append_big_endian(message, static_cast<uint64_t>(to_postgres_time(base::system_clock().now())));
  message += '\0';
  if (PQputCopyData(connection_.raw(), message.data(), static_cast<int>(message.size())) != 1 ||
      PQflush(connection_.raw()) < 0) {
    throw_postgres(connection_.raw(), nullptr, "reporting to the server");
  }
}

}  // namespace postgres
