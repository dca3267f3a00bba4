#include "layers/pitr/transactions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/wal_builder.h"

namespace layers {
namespace {

using postgres::WalReader;
using testing::WalBuilder;

constexpr uint8_t rm_heap = 10, rm_heap2 = 9, rm_transaction = 1;
constexpr uint8_t insert = 0x00, erase = 0x10, update = 0x20, hot_update = 0x40;
const base::Instant noon = base::from_rfc3339("2026-11-22T12:00:00Z");
const postgres::RelationFile clients{1663, 5, 16400};
const postgres::RelationFile orders{1663, 5, 16410};

// A record about one block of a relation, with this main data.
base::Bytes about(const postgres::RelationFile& relation, base::ByteView main_data) {
  base::Bytes body;
  base::append<uint8_t>(body, 0);   // block 0
  base::append<uint8_t>(body, 0);   // main fork, no image, no data
  base::append<uint16_t>(body, 0);  // bytes of data
  base::append<uint32_t>(body, relation.tablespace);
  base::append<uint32_t>(body, relation.database);
  base::append<uint32_t>(body, relation.file);
  base::append<uint32_t>(body, 7);  // block number
  base::append<uint8_t>(body, 255);
  base::append<uint8_t>(body, static_cast<uint8_t>(main_data.size()));
  base::append(body, main_data);
  return body;
}

WalBuilder::Record row(WalBuilder& wal, uint8_t operation, uint32_t xid,
                       const postgres::RelationFile& relation = clients) {
  return wal.add_raw(rm_heap, operation, about(relation, base::Bytes(14)), xid);
}

struct Ending {
  std::vector<uint32_t> subtransactions;
  std::vector<postgres::RelationFile> removed;
  std::optional<uint32_t> prepared;
};
base::Bytes ending(base::Instant time, const Ending& parts) {
  base::Bytes data = testing::commit_data(time);
  uint32_t info = 1;
  if (!parts.subtransactions.empty()) info |= 2;
  if (!parts.removed.empty()) info |= 4;
  if (parts.prepared) info |= 16 | 8 | 256;
  base::append<uint32_t>(data, info);
  base::append<uint64_t>(data, 5);  // database and its tablespace
  if (!parts.subtransactions.empty()) {
    base::append<uint32_t>(data, static_cast<uint32_t>(parts.subtransactions.size()));
    for (const uint32_t xid : parts.subtransactions) base::append<uint32_t>(data, xid);
  }
  if (!parts.removed.empty()) {
    base::append<uint32_t>(data, static_cast<uint32_t>(parts.removed.size()));
    for (const postgres::RelationFile& file : parts.removed) {
      base::append<uint32_t>(data, file.tablespace);
      base::append<uint32_t>(data, file.database);
      base::append<uint32_t>(data, file.file);
    }
  }
  if (parts.prepared) {
    base::append<uint32_t>(data, 1);  // one dropped statistic of 12 bytes
    data.resize(data.size() + 12);
    base::append<uint32_t>(data, 2);  // two messages of 16
    data.resize(data.size() + 32);
    base::append<uint32_t>(data, *parts.prepared);
  }
  return data;
}

TransactionListing list(const WalBuilder& wal, TransactionFilter filter) {
  TransactionCounter counter(std::move(filter));
  WalReader reader(wal.source(), base::MiB, {base::MiB});
  while (const auto record = reader.next()) {
    if (!counter.take(*record)) break;
  }
  return counter.finish();
}

TransactionFilter all_day() {
  return {.since = noon - std::chrono::hours(1), .until = noon + std::chrono::hours(1)};
}

TEST(Transactions, are_counted_by_relation_with_their_subtransactions) {
  WalBuilder wal;
  for (int i = 0; i < 30; ++i) row(wal, i % 2 == 0 ? update : hot_update | 0x80, 700);
  for (int i = 0; i < 3; ++i) row(wal, erase, 701, orders);
  row(wal, insert, 702);
  base::Bytes multi(4);
  base::store<uint16_t>(multi.data() + 2, 250);
  wal.add_raw(rm_heap2, 0x50, about(orders, multi), 700);
  row(wal, insert, 700, {1664, 0, 1259});  // a catalog
  const WalBuilder::Record last = row(wal, update, 701);
  wal.add(rm_transaction, 0x80, ending(noon, {.subtransactions = {701}}), 700);
  wal.add(rm_transaction, 0x20 | 0x80, ending(noon, {}), 702);  // aborted

  const TransactionListing listing = list(wal, all_day());
  ASSERT_EQ(listing.transactions.size(), 1u);
  const Transaction& one = listing.transactions[0];
  EXPECT_EQ(one.xid, 700u);
  EXPECT_EQ(one.committed, noon);
  EXPECT_EQ(one.before, last.begin);
  EXPECT_EQ(one.commit, last.end);
  EXPECT_EQ(one.changed.at(clients).updated, 31u);
  EXPECT_EQ(one.changed.at(orders).deleted, 3u);
  EXPECT_EQ(one.changed.at(orders).inserted, 250u);
  EXPECT_EQ(one.catalog_rows, 1u);
  EXPECT_EQ(one.rows.harm(), 34u);
  EXPECT_EQ(listing.commits, 1u);
  EXPECT_EQ(listing.aborts, 1u);
  EXPECT_EQ(listing.totals.at(orders).inserted, 250u);
}

TEST(Transactions, prepared_and_dropping_ones_are_told) {
  WalBuilder wal;
  row(wal, erase, 800);
  wal.add(rm_transaction, 0x30 | 0x80, ending(noon, {.prepared = 800}), 0);
  wal.add(rm_transaction, 0x80, ending(noon, {.removed = {orders, {1663, 5, 2600}}}), 801);
  const TransactionListing listing = list(wal, all_day());
  ASSERT_EQ(listing.transactions.size(), 2u);
  EXPECT_EQ(listing.transactions[0].xid, 800u);
  EXPECT_EQ(listing.transactions[0].rows.deleted, 1u);
  EXPECT_THAT(listing.transactions[1].removed, testing::ElementsAre(orders));
}

TEST(Transactions, only_those_with_the_most_harm_are_kept_and_only_of_the_time_asked_for) {
  WalBuilder wal;
  for (uint32_t xid = 1000; xid < 1100; ++xid) {
    for (uint32_t i = 0; i < xid % 10; ++i) row(wal, update, xid);
    for (uint32_t i = 0; i < 50; ++i) row(wal, insert, xid, orders);
    wal.commit(xid, noon + std::chrono::seconds(xid - 1000));
  }
  TransactionFilter filter = all_day();
  filter.top = 5;
  filter.since = noon + std::chrono::seconds(10);
  filter.until = noon + std::chrono::seconds(59);
  filter.relations = {clients.file};
  filter.xid = 1020;
  const TransactionListing listing = list(wal, filter);
  std::vector<uint32_t> xids;
  for (const Transaction& one : listing.transactions) xids.push_back(one.xid);
  EXPECT_THAT(xids, testing::ElementsAre(1020, 1029, 1039, 1049, 1059));
  EXPECT_EQ(listing.commits, 50u);
}

TEST(Transactions, memory_is_bounded_and_the_large_ones_are_not_forgotten) {
  TransactionCounter counter(all_day());
  const auto change = [&](uint32_t xid, uint32_t file) {
    postgres::WalRecord record{.begin = {8},
                               .end = {16},
                               .xid = xid,
                               .resource_manager = rm_heap,
                               .info = erase,
                               .main_data = {}};
    record.relation = postgres::RelationFile{1663, 5, file};
    counter.take(record);
  };
  for (int i = 0; i < 100; ++i) change(5, clients.file);
  for (uint32_t i = 0; i < 100; ++i) change(5, 20'000 + i);
  for (uint32_t xid = 10; xid < 10 + 3 * TransactionCounter::open_max; ++xid)
    change(xid, clients.file);
  postgres::WalRecord end{.begin = {16},
                          .end = {24},
                          .xid = 5,
                          .resource_manager = rm_transaction,
                          .info = 0,
                          .main_data = testing::commit_data(noon)};
  counter.take(end);
  const TransactionListing listing = counter.finish();
  ASSERT_EQ(listing.transactions.size(), 1u);
  EXPECT_EQ(listing.transactions[0].rows.deleted, 200u);
  EXPECT_EQ(listing.transactions[0].changed.size(), TransactionCounter::relations_max);
  EXPECT_EQ(listing.transactions[0].other_rows, 101 - TransactionCounter::relations_max);
  EXPECT_GT(listing.forgotten, TransactionCounter::open_max);
  EXPECT_LE(listing.unfinished, TransactionCounter::open_max);
}

TEST(Transactions, a_record_that_says_more_than_it_has_is_damage) {
  for (const uint32_t info : {1u, 2u, 4u, 256u, 8u, 16u}) {
    WalBuilder wal;
    base::Bytes data = testing::commit_data(noon);
    base::append<uint32_t>(data, info);
    if (info != 1 && info != 16) base::append<uint32_t>(data, 1000);
    wal.add(rm_transaction, 0x80, data, 7);
    EXPECT_ERROR(corrupt, list(wal, all_day())) << info;
  }
}

}  // namespace
}  // namespace layers
