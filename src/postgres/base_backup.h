// BASE_BACKUP of the replication protocol: the files of a cluster as tars over a connection.
// Source: PostgreSQL documentation, "Streaming Replication Protocol"; src/backend/backup/
// {basebackup,basebackup_copy}.c. Belongs to one thread.
#pragma once

#include <stop_token>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "postgres/connection.h"

namespace postgres {

// One tar of the stream: the data directory's, or a tablespace's.
struct BackupArchive {
  uint32_t tablespace = 0;  // its oid; 0 for the data directory
  std::string location;     // of the tablespace on the server
  bool operator==(const BackupArchive&) const = default;
};

// The messages inside the one copy that servers from version 15 on send.
struct ArchiveBytes {
  base::ByteView bytes;  // valid until the next call
};
struct BackupManifest {};
struct BackupProgress {
  uint64_t bytes;
};
using BackupMessage = std::variant<BackupArchive, ArchiveBytes, BackupManifest, BackupProgress>;
// Throws corrupt for what is none of them.
BackupMessage parse_backup_message(base::ByteView message);

// A backup that the server has begun, with a fast checkpoint. Dropped early, the session ends and
// the server forgets the backup.
class BaseBackup {
 public:
  // Takes over a connection opened with replication=true, and waits for the checkpoint. The server
  // verifies checksums as it sends, for that makes it read a torn page again. Throws what the
  // server says; cancelled.
  BaseBackup(Connection replication, const std::string& label, std::stop_token stop);

  Lsn start() const { return start_; }
  Timeline timeline() const { return timeline_; }
  // Tablespaces that are sent, without the data directory.
  const std::vector<BackupArchive>& tablespaces() const { return tablespaces_; }
  uint64_t bytes_expected() const { return bytes_expected_; }  // the server's guess

  struct End {
    Lsn stop;
    Timeline timeline;
    std::string damage;  // the server's words, when it met pages with a wrong checksum
  };
  // The beginning of an archive, bytes of it (valid until the next call), or the end of the backup.
  // Throws what the server says, unavailable when the connection is lost: the backup is then void.
  using Event = std::variant<BackupArchive, ArchiveBytes, End>;
  Event next();

 private:
  struct Clear {
    void operator()(pg_result* result) const;
  };
  struct Free {
    void operator()(char* memory) const;
  };
  using Result = std::unique_ptr<pg_result, Clear>;

  void wait_for_server();
  Result next_result();
  Rows next_rows(const char* what);
  void read_tablespaces();
  std::optional<base::ByteView> next_copy_data();
  std::optional<Event> next_in_copy();
  End read_end(Result first);

  Connection connection_;
  std::stop_token stop_;
  bool one_copy_;  // as servers from 15 on send it; before, one for each archive
  Lsn start_;
  Timeline timeline_;
  std::vector<BackupArchive> tablespaces_;
  std::vector<BackupArchive> order_;  // of the archives, as they will come
  size_t archives_begun_ = 0;
  uint64_t bytes_expected_ = 0;
  bool in_copy_ = false;
  std::unique_ptr<char, Free> message_;
};

}  // namespace postgres
