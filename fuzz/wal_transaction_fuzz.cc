// Any bytes as what a record of the log says of rows and transactions: the first three are resource
// manager, info and major version.
#include "fuzz.h"
#include "postgres/wal_transaction.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3 || size > 40'000) return 0;
  const base::ByteView bytes = fuzz::view(data, size).subspan(3);
  constexpr uint8_t managers[] = {1, 9, 10};
  postgres::WalRecord record{.begin = {8},
                             .end = {16},
                             .xid = 7,
                             .resource_manager = managers[data[0] % 3],
                             .info = data[1],
                             .major = 14 + data[2] % 5,
                             .main_data = {bytes.begin(), bytes.end()}};
  record.relation = postgres::RelationFile{1663, 5, 16384};
  fuzz::refused_at_worst({base::ErrorKind::corrupt}, [&] {
    if (const auto change = postgres::row_change(record))
      CHECK(change->relation == record.relation);
  });
  fuzz::refused_at_worst({base::ErrorKind::corrupt}, [&] {
    const auto end = postgres::transaction_end(record);
    if (!end) return;
    // Nothing is made up: what it lists was there.
    CHECK(end->subtransactions.size() * 4 + end->removed.size() * 12 <= bytes.size());
  });
  return 0;
}
