// A copy of a dump in another store: the archive first, its record last, both under the same names.
// docs/formats/dump.md, "Replicas".
#pragma once

#include <atomic>

#include "crypto/key_wrapper.h"
#include "repository/dump_record.h"

namespace repository {

// A store of dumps as it keeps them, and as who may open them sees them: the same where nothing is
// sealed on this host. Borrowed.
struct DumpView {
  storage::ObjectStore& stored;
  storage::ObjectStore& in_clear;
};

struct CopyOrder {
  DumpView source;
  DumpView replica;  // its in_clear seals for every recipient
  // Null where nothing is sealed on this host.
  std::shared_ptr<crypto::KeyWrapper> source_keys;  // to verify what is sealed as it passes
  std::shared_ptr<crypto::KeyWrapper> replica_key;  // the replica's own and no other
};

// The database's finished dumps that the replica lacks, oldest first; of those stored after `since`
// only, as what is about to expire is not copied again. Both lists are list_dumps()'s.
std::vector<StoredDump> missing_copies(const std::vector<StoredDump>& source,
                                       const std::vector<StoredDump>& replica,
                                       const std::string& database, base::Instant since);

// Copies one finished dump of the source; `progress` is told the bytes of the archive that passed.
// Sealed bytes are copied as they are, so they open with the same keys; unless they do not open
// with the replica's own: then they are sealed anew. Compared with the record as they pass, as far
// as our keys open them. A kill leaves an archive without a record at most, and doing it again
// completes it. Holds one piece of 4 MiB and what the replica's writer holds.
// Throws denied when we may not read the source; corrupt when it is not what was recorded; conflict
// when the replica has something else under these names; what the stores throw.
void copy_dump(const CopyOrder& order, const StoredDump& dump, std::atomic<uint64_t>& progress,
               std::stop_token stop);

}  // namespace repository
