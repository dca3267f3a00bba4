// Which transactions changed what, from the archived log alone: to find the one that did the harm,
// and the position just before it.
#pragma once

#include <atomic>
#include <map>
#include <set>
#include <unordered_map>

#include "postgres/wal_transaction.h"
#include "repository/wal_archive.h"

namespace layers {

struct RowCounts {
  uint64_t inserted = 0;
  uint64_t updated = 0;
  uint64_t deleted = 0;
  void add(const RowCounts& more);
  uint64_t total() const { return inserted + updated + deleted; }
  // What a restore to before it brings back: rows that are not any more what they were.
  uint64_t harm() const { return updated + deleted; }
};

struct Transaction {
  uint32_t xid = 0;
  base::Instant committed;
  postgres::Lsn commit;  // where its commit record begins
  postgres::Lsn before;  // where the record before that one begins: replaying up to and including
                         // it is everything but this transaction
  std::map<postgres::RelationFile, RowCounts>
      changed;              // of relations that are no catalogs, the largest
  uint64_t other_rows = 0;  // of relations that are not listed
  RowCounts rows;           // of all relations that are no catalogs
  uint64_t catalog_rows = 0;
  std::vector<postgres::RelationFile>
      removed;  // files that went with it: DROP, TRUNCATE, a rewrite
  uint64_t other_removed = 0;
};

struct TransactionFilter {
  base::Instant since;
  base::Instant until;
  std::set<uint32_t> relations;  // by file; empty: all
  size_t top = 20;               // so many with the most harm
  std::optional<uint32_t> xid;   // this one is listed whatever it did
};

struct TransactionListing {
  std::vector<Transaction> transactions;  // by commit
  uint64_t commits = 0;                   // in the time asked for
  uint64_t aborts = 0;
  uint64_t forgotten = 0;   // transactions whose counts were given up for want of room
  uint64_t unfinished = 0;  // had no end where the log ended
  std::map<postgres::RelationFile, RowCounts>
      totals;  // committed in that time, the first 10 000 relations
  std::optional<base::Instant> first_commit;
  std::optional<base::Instant> last_commit;
  postgres::Lsn begin;
  postgres::Lsn end;
  std::string why_ended;  // in words, where the log ended before the time asked for
  struct Gap {
    postgres::Lsn begin;
    postgres::Lsn end;
    std::string why;
  };
  std::vector<Gap> gaps;  // that could not be read, and were gone over; at most 100
};

// Takes records in the order of the log. Memory is bounded, whatever the log holds.
class TransactionCounter {
 public:
  explicit TransactionCounter(TransactionFilter filter) : filter_(std::move(filter)) {}

  // False when nothing behind it can matter. Throws corrupt.
  bool take(const postgres::WalRecord& record);
  TransactionListing finish();
  // What comes next does not follow on what came before.
  void skip(TransactionListing::Gap gap);

  // Written maxima.
  static constexpr size_t open_max = 50'000;    // transactions (and subtransactions) under way
  static constexpr size_t relations_max = 32;   // listed of one transaction
  static constexpr size_t removed_max = 32;     // listed of one transaction
  static constexpr size_t totals_max = 10'000;  // relations

 private:
  struct Open {
    std::map<postgres::RelationFile, RowCounts> changed;
    uint64_t other_rows = 0;
    RowCounts rows;
    uint64_t catalog_rows = 0;
  };
  void count(const postgres::RowChange& change, uint32_t xid);
  void make_room();
  void commit(const postgres::WalRecord& record, const postgres::TransactionEnd& end);
  Open take_open(const postgres::TransactionEnd& end);
  bool is_wanted(const Transaction& transaction) const;
  void keep(Transaction transaction);

  TransactionFilter filter_;
  TransactionListing listing_;
  std::unordered_map<uint32_t, Open> open_;
  postgres::Lsn before_;  // begin of the record taken last
};

// Reads the log of this path that the filter's time needs, beginning somewhat before it, so that
// transactions under way are counted; not before `earliest`. `progress` gets the segment it is at.
TransactionListing list_transactions(const repository::WalArchive& archive,
                                     const postgres::TimelineHistory& history,
                                     postgres::Lsn earliest, const TransactionFilter& filter,
                                     std::atomic<uint64_t>& progress, std::stop_token stop);

}  // namespace layers
