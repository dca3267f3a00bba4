#include "layers/pitr/transactions.h"

#include <algorithm>
#include <tuple>

#include "base/error.h"
#include "layers/pitr/wal_scan.h"

namespace layers {

using base::Instant;
using postgres::Lsn;
using postgres::RowChange;
using postgres::TimelineHistory;
using postgres::TransactionEnd;
using postgres::WalRecord;
using repository::WalArchive;

namespace {

// FirstNormalObjectId: below are catalogs, as initdb makes them. One that was rewritten has a
// higher file, and is told by its name.
constexpr uint32_t first_of_users = 16384;

// Times of commits are taken before their records are written, so they are not quite in order.
constexpr base::Duration disorder = std::chrono::seconds(10);

auto rank_of(const Transaction& one) {
  return std::make_tuple(one.removed.size() + one.other_removed > 0, one.rows.harm(),
                         one.rows.inserted, one.commit.value);
}

}  // namespace

void RowCounts::add(const RowCounts& more) {
  inserted += more.inserted;
  updated += more.updated;
  deleted += more.deleted;
}

bool TransactionCounter::take(const WalRecord& record) {
  bool goes_on = true;
  if (listing_.begin.value == 0) listing_.begin = record.begin;
  if (const std::optional<RowChange> change = postgres::row_change(record)) {
    if (record.xid != 0) count(*change, record.xid);
  } else if (const std::optional<TransactionEnd> end = postgres::transaction_end(record)) {
    goes_on = end->time <= filter_.until + disorder;
    if (end->committed) {
      commit(record, *end);
    } else {
      take_open(*end);
      if (end->time >= filter_.since && end->time <= filter_.until) ++listing_.aborts;
    }
  }
  before_ = record.begin;
  listing_.end = record.end;
  return goes_on;
}

void TransactionCounter::count(const RowChange& change, uint32_t xid) {
  if (!open_.contains(xid) && open_.size() >= open_max) make_room();
  Open& open = open_[xid];
  const RowCounts rows{change.inserted, change.updated, change.deleted};
  if (change.relation.file < first_of_users) {
    open.catalog_rows += rows.total();
    return;
  }
  open.rows.add(rows);
  const auto there = open.changed.find(change.relation);
  if (there != open.changed.end()) {
    there->second.add(rows);
  } else if (open.changed.size() < relations_max) {
    open.changed[change.relation] = rows;
  } else {
    open.other_rows += rows.total();
  }
}

// Gives up the half that changed the least.
void TransactionCounter::make_room() {
  std::vector<uint64_t> sizes;
  sizes.reserve(open_.size());
  for (const auto& [xid, open] : open_) sizes.push_back(open.rows.total());
  const auto middle = sizes.begin() + static_cast<std::ptrdiff_t>(sizes.size() / 2);
  std::nth_element(sizes.begin(), middle, sizes.end());
  const uint64_t least = *middle;
  size_t left = open_.size() / 2 + 1;
  for (auto at = open_.begin(); at != open_.end() && left > 0;) {
    if (at->second.rows.total() > least) {
      ++at;
      continue;
    }
    at = open_.erase(at);
    --left;
    ++listing_.forgotten;
  }
}

// All that the transaction and its subtransactions changed.
TransactionCounter::Open TransactionCounter::take_open(const TransactionEnd& end) {
  Open all;
  const auto fold = [&](uint32_t xid) {
    auto part = open_.extract(xid);
    if (part.empty()) return;
    all.rows.add(part.mapped().rows);
    all.catalog_rows += part.mapped().catalog_rows;
    all.other_rows += part.mapped().other_rows;
    for (const auto& [relation, rows] : part.mapped().changed) {
      const bool room = all.changed.contains(relation) || all.changed.size() < relations_max;
      if (room) {
        all.changed[relation].add(rows);
      } else {
        all.other_rows += rows.total();
      }
    }
  };
  fold(end.xid);
  for (const uint32_t xid : end.subtransactions) fold(xid);
  return all;
}

bool TransactionCounter::is_wanted(const Transaction& transaction) const {
  if (filter_.xid == transaction.xid) return true;
  if (transaction.rows.total() == 0 && transaction.removed.empty()) return false;
  if (filter_.relations.empty()) return true;
  const auto named = [&](const postgres::RelationFile& relation) {
    return filter_.relations.contains(relation.file);
  };
  return std::ranges::any_of(transaction.changed,
                             [&](const auto& one) { return named(one.first); }) ||
         std::ranges::any_of(transaction.removed, named);
}

void TransactionCounter::commit(const WalRecord& record, const TransactionEnd& end) {
  Open open = take_open(end);
  if (end.time < filter_.since || end.time > filter_.until) return;
  ++listing_.commits;
  if (!listing_.first_commit) listing_.first_commit = end.time;
  listing_.last_commit = std::max(listing_.last_commit.value_or(end.time), end.time);
  for (const auto& [relation, rows] : open.changed) {
    if (listing_.totals.contains(relation) || listing_.totals.size() < totals_max)
      listing_.totals[relation].add(rows);
  }
  Transaction transaction{.xid = end.xid,
                          .committed = end.time,
                          .commit = record.begin,
                          .before = before_,
                          .changed = std::move(open.changed),
                          .other_rows = open.other_rows,
                          .rows = open.rows,
                          .catalog_rows = open.catalog_rows,
                          .removed = {},
                          .other_removed = 0};
  for (const postgres::RelationFile& file : end.removed) {
    if (file.file < first_of_users) continue;
    if (transaction.removed.size() < removed_max) {
      transaction.removed.push_back(file);
    } else {
      ++transaction.other_removed;
    }
  }
  if (is_wanted(transaction)) keep(std::move(transaction));
}

// A heap whose front is the least of those kept.
void TransactionCounter::keep(Transaction transaction) {
  const auto more = [this](const Transaction& one, const Transaction& other) {
    const bool asked = filter_.xid == one.xid;
    if (asked != (filter_.xid == other.xid)) return asked;
    return rank_of(one) > rank_of(other);
  };
  std::vector<Transaction>& kept = listing_.transactions;
  kept.push_back(std::move(transaction));
  std::push_heap(kept.begin(), kept.end(), more);
  if (kept.size() <= std::max<size_t>(filter_.top, 1)) return;
  std::pop_heap(kept.begin(), kept.end(), more);
  kept.pop_back();
}

void TransactionCounter::skip(TransactionListing::Gap gap) {
  constexpr size_t gaps_max = 100;
  if (listing_.gaps.size() < gaps_max) listing_.gaps.push_back(std::move(gap));
}

TransactionListing TransactionCounter::finish() {
  std::ranges::sort(listing_.transactions, {}, &Transaction::commit);
  listing_.unfinished = open_.size();
  open_.clear();
  return std::move(listing_);
}

namespace {

// The first commit from the start of this segment on, a few segments far.
std::optional<Instant> first_commit_from(const WalArchive& archive, const TimelineHistory& history,
                                         uint64_t number, std::stop_token stop) {
  constexpr uint64_t far = 4;
  const uint64_t size = archive.epoch().segment_bytes;
  std::optional<Instant> found;
  scan_records(
      archive, history, {number * size},
      [&](const WalRecord& record) {
        found = record.commit_time();
        return !found && record.begin.value < (number + far) * size;
      },
      stop);
  return found;
}

// A place to begin, so that no commit since `since` is missed: bisects the segments by their first
// commit.
Lsn place_before(const WalArchive& archive, const TimelineHistory& history, Lsn earliest,
                 Instant since, std::stop_token stop) {
  const uint64_t size = archive.epoch().segment_bytes;
  uint64_t low = earliest.value / size;  // begins before, or is the earliest there is
  const auto held = archive.holdings(history.timeline(), stop);
  uint64_t high = held.empty() ? low : std::max(low, held.rbegin()->first + 1);
  while (high - low > 1) {
    const uint64_t middle = low + (high - low) / 2;
    const std::optional<Instant> first = first_commit_from(archive, history, middle, stop);
    if (first && *first < since - disorder) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return {std::max(earliest.value, low * size)};
}

}  // namespace

TransactionListing list_transactions(const WalArchive& archive, const TimelineHistory& history,
                                     Lsn earliest, const TransactionFilter& filter,
                                     std::atomic<uint64_t>& progress, std::stop_token stop) {
  // Transactions that were under way a quarter of an hour before are counted from their start.
  constexpr base::Duration lead = std::chrono::minutes(15);
  const uint64_t size = archive.epoch().segment_bytes;
  const auto held = archive.holdings(history.timeline(), stop);
  Lsn from = place_before(archive, history, earliest, filter.since - lead, stop);
  TransactionCounter counter(filter);
  WalEnd end;
  for (;;) {
    end = scan_records(
        archive, history, from,
        [&](const WalRecord& record) {
          progress = record.begin.value / size;
          return counter.take(record);
        },
        stop);
    const auto next = held.upper_bound(end.position.value / size);
    if (end.why.empty() || next == held.end()) break;
    from = {next->first * size};
    counter.skip({end.position, from, end.why});
  }
  TransactionListing listing = counter.finish();
  listing.why_ended = end.why;
  return listing;
}

}  // namespace layers
