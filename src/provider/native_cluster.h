// The cluster that seawall backs up itself: a server, its data directory if it is on this host, its
// backup mode. Source of the backup protocol: PostgreSQL documentation, "Making a Base Backup Using
// the Low Level API".
#pragma once

#include "policy/policy.h"
#include "postgres/connection.h"
#include "postgres/control_file.h"
#include "repository/repository.h"
#include "repository/snapshot_root.h"

namespace provider {

// What pg_backup_stop() gives, to be kept byte for byte.
struct FinishedBackup {
  postgres::Lsn stop;
  std::string backup_label;
  std::string tablespace_map;
};

// A backup that the server has begun. Unfinished means abandoned: the session ends, and the server
// forgets it.
class RunningBackup {
 public:
  postgres::Lsn start() const { return start_; }
  // Ends it without waiting for the archiver. Throws what the server says: the backup is then void.
  FinishedBackup finish();

 private:
  friend class NativeCluster;
  RunningBackup(postgres::Connection session, postgres::Lsn start)
      : session_(std::move(session)), start_(start) {}
  postgres::Connection session_;
  postgres::Lsn start_;
};

// How pages are to be looked at.
struct PageFacts {
  bool checksums;
  uint32_t blocks_per_file;
};

class NativeCluster {
 public:
  // Connects and finds the data directory (the server tells, or `data_directory` does; by
  // replication it may stay unknown). Throws unavailable, denied.
  NativeCluster(std::string url, std::optional<base::Path> data_directory,
                policy::Access access = policy::Access::files);

  postgres::Connection connect(const std::map<std::string, std::string>& overrides = {}) const;
  postgres::Connection& connection() { return connection_; }
  policy::Access access() const { return access_; }
  // On this host; on the server's when access is by replication.
  const base::Path& data_directory() const { return data_directory_; }
  bool in_recovery();

  // Who this cluster is, as a repository knows it.
  repository::Epoch identity();
  std::vector<repository::TablespaceRef> tablespaces();
  std::string bootstrap_role();  // the superuser that initdb made
  PageFacts page_facts();
  // Configuration files that are kept elsewhere than in the data directory, as they are on the
  // server's host.
  std::vector<base::Path> external_files();
  // A configuration file of the server's host, read by the server; nothing when it is not there or
  // this role may not.
  std::optional<base::Bytes> server_file(const base::Path& path);
  // Where the log is being written, or replayed on a standby.
  postgres::Lsn position();

  // Begins a backup with a fast checkpoint, in a session whose timeouts are off.
  RunningBackup begin_backup(const std::string& label);

 private:
  std::string url_;
  policy::Access access_;
  postgres::Connection connection_;
  base::Path data_directory_;
};

}  // namespace provider
