#include "postgres/wal_transaction.h"

#include "base/error.h"

namespace postgres {

using base::ErrorKind;
using base::load;

namespace {

constexpr uint8_t rm_transaction = 1, rm_heap2 = 9, rm_heap = 10;

constexpr uint8_t heap_insert = 0x00, heap_delete = 0x10, heap_update = 0x20,
                  heap_hot_update = 0x40;
constexpr uint8_t heap2_multi_insert = 0x50;
constexpr uint8_t operation_mask = 0x70;

constexpr uint8_t xact_commit = 0x00, xact_abort = 0x20, xact_commit_prepared = 0x30,
                  xact_abort_prepared = 0x40, has_info = 0x80;
constexpr uint32_t has_database = 1, has_subtransactions = 2, has_removed = 4, has_messages = 8,
                   is_prepared = 16, has_dropped_stats = 256;

// Reads on through the main data of one record.
class Parts {
 public:
  explicit Parts(const WalRecord& record) : record_(record) {}

  template <typename T>
  T take() {
    require(sizeof(T));
    const T value = load<T>(record_.main_data.data() + at_);
    at_ += sizeof(T);
    return value;
  }
  void skip(size_t bytes) {
    require(bytes);
    at_ += bytes;
  }
  // The count of a list whose parts are of so many bytes, all of which are there.
  size_t count(size_t bytes_each) {
    const auto count = take<uint32_t>();
    if (count > (record_.main_data.size() - at_) / bytes_each) fail();
    return count;
  }

 private:
  void require(size_t bytes) const {
    if (bytes > record_.main_data.size() - at_) fail();
  }
  [[noreturn]] void fail() const {
    throw base::error(ErrorKind::corrupt, "the record at {} is shorter than what it says",
                      to_string(record_.begin));
  }
  const WalRecord& record_;
  size_t at_ = 0;
};

}  // namespace

std::optional<RowChange> row_change(const WalRecord& record) {
  if (!record.relation) return std::nullopt;
  RowChange change{.relation = *record.relation};
  const uint8_t operation = record.info & operation_mask;
  if (record.resource_manager == rm_heap2 && operation == heap2_multi_insert) {
    Parts parts(record);
    parts.skip(2);  // flags, and a byte to align
    change.inserted = parts.take<uint16_t>();
    return change;
  }
  if (record.resource_manager != rm_heap) return std::nullopt;
  switch (operation) {
    case heap_insert:
      change.inserted = 1;
      return change;
    case heap_delete:
      change.deleted = 1;
      return change;
    case heap_update:
    case heap_hot_update:
      change.updated = 1;
      return change;
    default:
      return std::nullopt;
  }
}

std::optional<TransactionEnd> transaction_end(const WalRecord& record) {
  if (record.resource_manager != rm_transaction) return std::nullopt;
  const uint8_t operation = record.info & operation_mask;
  const bool committed = operation == xact_commit || operation == xact_commit_prepared;
  if (!committed && operation != xact_abort && operation != xact_abort_prepared)
    return std::nullopt;
  Parts parts(record);
  TransactionEnd end{.xid = record.xid,
                     .time = from_postgres_time(parts.take<int64_t>()),
                     .committed = committed,
                     .subtransactions = {},
                     .removed = {}};
  const uint32_t info = (record.info & has_info) != 0 ? parts.take<uint32_t>() : 0;
  if ((info & has_database) != 0) parts.skip(8);
  if ((info & has_subtransactions) != 0) {
    for (size_t left = parts.count(4); left > 0; --left)
      end.subtransactions.push_back(parts.take<uint32_t>());
  }
  if ((info & has_removed) != 0) {
    for (size_t left = parts.count(12); left > 0; --left) {
      RelationFile& file = end.removed.emplace_back();
      file.tablespace = parts.take<uint32_t>();
      file.database = parts.take<uint32_t>();
      file.file = parts.take<uint32_t>();
    }
  }
  if ((info & has_dropped_stats) != 0) {
    const size_t each = record.major >= 18 ? 16 : 12;
    parts.skip(parts.count(each) * each);
  }
  if ((info & has_messages) != 0 && committed) parts.skip(parts.count(16) * 16);
  if ((info & is_prepared) != 0) end.xid = parts.take<uint32_t>();
  return end;
}

}  // namespace postgres
