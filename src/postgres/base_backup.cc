#include "postgres/base_backup.h"

#include <endian.h>
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <charconv>

namespace postgres {

using base::ByteView;
using base::Error;
using base::ErrorKind;

namespace {

constexpr int look_for_stop_every_ms = 200;

std::string command(int major, const std::string& label) {
  if (major >= 15) {
    return fmt::format(
        "BASE_BACKUP (LABEL {}, PROGRESS true, CHECKPOINT 'fast', WAIT false, MANIFEST 'no', "
        "TABLESPACE_MAP true)",
        quote_literal(label));
  }
  return fmt::format("BASE_BACKUP LABEL {} PROGRESS FAST NOWAIT TABLESPACE_MAP",
                     quote_literal(label));
}

// Takes a text that ends with a NUL from the front.
std::string take_text(ByteView& bytes) {
  const std::string_view text = base::as_text(bytes);
  const size_t end = text.find('\0');
  if (end == std::string_view::npos)
    throw base::error(ErrorKind::corrupt, "the server began an archive without a name");
  std::string taken(text.substr(0, end));
  bytes = bytes.subspan(end + 1);
  return taken;
}

// "base.tar", "16400.tar"
uint32_t tablespace_of(const std::string& archive) {
  if (archive == "base.tar") return 0;
  uint32_t oid = 0;
  const auto [end, failed] = std::from_chars(archive.data(), archive.data() + archive.size(), oid);
  if (failed != std::errc{} || std::string_view(end) != ".tar" || oid == 0)
    throw base::error(ErrorKind::corrupt, "the server sent an archive named '{}'", archive);
  return oid;
}

bool is_copy(ExecStatusType status) { return status == PGRES_COPY_OUT; }

}  // namespace

BackupMessage parse_backup_message(ByteView message) {
  if (message.empty()) throw base::error(ErrorKind::corrupt, "the server sent an empty message");
  ByteView rest = message.subspan(1);
  switch (static_cast<char>(message[0])) {
    case 'n': {
      const std::string name = take_text(rest);
      return BackupArchive{tablespace_of(name), take_text(rest)};
    }
    case 'd':
      return ArchiveBytes{rest};
    case 'm':
      return BackupManifest{};
    case 'p':
      if (rest.size() < 8) break;
      return BackupProgress{be64toh(base::load<uint64_t>(rest.data()))};
    default:
      break;
  }
  throw base::error(ErrorKind::corrupt,
                    "the server sent a message of type {} that nobody expects in a backup",
                    static_cast<int>(message[0]));
}

void BaseBackup::Clear::operator()(pg_result* result) const { PQclear(result); }
void BaseBackup::Free::operator()(char* memory) const { PQfreemem(memory); }

BaseBackup::BaseBackup(Connection replication, const std::string& label, std::stop_token stop)
    : connection_(std::move(replication)),
      stop_(std::move(stop)),
      one_copy_(connection_.major() >= 15) {
  if (PQsendQuery(connection_.raw(), command(connection_.major(), label).c_str()) != 1)
    throw_postgres(connection_.raw(), nullptr, "beginning the backup");
  const Rows begin = next_rows("beginning the backup");
  start_ = parse_lsn(begin.text(0, 0));
  timeline_ = {static_cast<uint32_t>(begin.number(0, 1))};
  read_tablespaces();
}

void BaseBackup::read_tablespaces() {
  const Rows rows = next_rows("beginning the backup");
  for (size_t row = 0; row < rows.size(); ++row) {
    BackupArchive archive;
    if (rows.at(row, 0)) {
      archive = {static_cast<uint32_t>(rows.number(row, 0)), rows.text(row, 1)};
      tablespaces_.push_back(archive);
    }
    order_.push_back(archive);
    if (rows.at(row, 2)) bytes_expected_ += static_cast<uint64_t>(rows.number(row, 2)) * base::KiB;
  }
}

// Sleeps until the server has said something, or a while.
void BaseBackup::wait_for_server() {
  if (stop_.stop_requested()) throw Error(ErrorKind::cancelled, "stopped");
  pollfd waiting{PQsocket(connection_.raw()), POLLIN, 0};
  poll(&waiting, 1, look_for_stop_every_ms);
  if (PQconsumeInput(connection_.raw()) == 0)
    throw_postgres(connection_.raw(), nullptr, "receiving the backup");
}

BaseBackup::Result BaseBackup::next_result() {
  while (PQisBusy(connection_.raw()) != 0) wait_for_server();
  return Result(PQgetResult(connection_.raw()));
}

Rows BaseBackup::next_rows(const char* what) {
  Result result = next_result();
  if (PQresultStatus(result.get()) != PGRES_TUPLES_OK || PQntuples(result.get()) == 0)
    throw_postgres(connection_.raw(), result.get(), what);
  return Rows(result.release());
}

std::optional<ByteView> BaseBackup::next_copy_data() {
  for (;;) {
    char* raw = nullptr;
    const int length = PQgetCopyData(connection_.raw(), &raw, 1);
    message_.reset(raw);
    if (length > 0)
      return ByteView(reinterpret_cast<const std::byte*>(raw), static_cast<size_t>(length));
    if (length == -1) return std::nullopt;
    if (length < -1) throw_postgres(connection_.raw(), nullptr, "receiving the backup");
    wait_for_server();
  }
}

BaseBackup::Event BaseBackup::next() {
  for (;;) {
    if (in_copy_) {
      if (std::optional<Event> event = next_in_copy()) return *event;
      in_copy_ = false;
    }
    Result result = next_result();
    if (!is_copy(PQresultStatus(result.get()))) return read_end(std::move(result));
    in_copy_ = true;
    if (one_copy_) continue;
    if (archives_begun_ == order_.size())
      throw Error(ErrorKind::corrupt, "the server sent more archives than it had announced");
    return order_[archives_begun_++];
  }
}

// What is of interest in the copy under way; nothing at its end.
std::optional<BaseBackup::Event> BaseBackup::next_in_copy() {
  while (const std::optional<ByteView> data = next_copy_data()) {
    if (!one_copy_) return ArchiveBytes{*data};
    const BackupMessage message = parse_backup_message(*data);
    if (const auto* bytes = std::get_if<ArchiveBytes>(&message)) return *bytes;
    if (const auto* archive = std::get_if<BackupArchive>(&message)) {
      ++archives_begun_;
      return *archive;
    }
    if (std::holds_alternative<BackupManifest>(message))
      throw Error(ErrorKind::corrupt, "the server sent a manifest that nobody asked for");
  }
  return std::nullopt;
}

BaseBackup::End BaseBackup::read_end(Result first) {
  if (PQresultStatus(first.get()) != PGRES_TUPLES_OK || PQntuples(first.get()) == 0)
    throw_postgres(connection_.raw(), first.get(), "receiving the backup");
  if (archives_begun_ != order_.size())
    throw Error(ErrorKind::corrupt, "the server sent fewer archives than it had announced");
  const Rows rows(first.release());
  End end{.stop = parse_lsn(rows.text(0, 0)),
          .timeline = {static_cast<uint32_t>(rows.number(0, 1))},
          .damage = {}};
  while (const Result result = next_result()) {
    if (PQresultStatus(result.get()) == PGRES_COMMAND_OK) continue;
    // The backup is over and whole by now; pages that the server found damaged were sent as they
    // are.
    const char* state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
    const char* words = PQresultErrorField(result.get(), PG_DIAG_MESSAGE_PRIMARY);
    if (state == nullptr || std::string_view(state) != "XX001" || words == nullptr)
      throw_postgres(connection_.raw(), result.get(), "ending the backup");
    end.damage = words;
  }
  return end;
}

}  // namespace postgres
