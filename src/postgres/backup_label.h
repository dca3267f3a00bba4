// backup_label: where replay of a base backup starts. Kept byte for byte as the server gave it;
// read here for its facts. Source: PostgreSQL src/backend/access/transam/xlogbackup.c.
#pragma once

#include "postgres/lsn.h"

namespace postgres {

struct BackupLabel {
  Lsn start;                // START WAL LOCATION
  std::string start_file;   // and the segment it is in
  Lsn checkpoint;           // CHECKPOINT LOCATION
  Timeline start_timeline;  // START TIMELINE
  bool from_standby = false;
  bool incremental = false;  // pg_basebackup --incremental: must not be restored as if whole
};

// Throws corrupt when a line that must be there is not, or is not understood.
BackupLabel parse_backup_label(std::string_view text);

}  // namespace postgres
