// What records of the log say of transactions: rows that they changed, how they ended. Source:
// PostgreSQL src/include/access/{heapam_xlog,xact}.h, versions 14 to 18.
#pragma once

#include "postgres/wal_reader.h"

namespace postgres {

// Rows of one relation that one record changed; of catalogs and TOAST tables as of any other.
struct RowChange {
  RelationFile relation;
  uint32_t inserted = 0;
  uint32_t updated = 0;
  uint32_t deleted = 0;
};
// Nothing for records that change no rows. Throws corrupt.
std::optional<RowChange> row_change(const WalRecord& record);

struct TransactionEnd {
  uint32_t xid = 0;  // of the top-level transaction, a prepared one too
  base::Instant time;
  bool committed = false;
  std::vector<uint32_t> subtransactions;
  // Files that are removed with it: of dropped, truncated and rewritten relations, or when it
  // aborts, of those that it made.
  std::vector<RelationFile> removed;
};
// Nothing for records that end no transaction. Throws corrupt.
std::optional<TransactionEnd> transaction_end(const WalRecord& record);

}  // namespace postgres
