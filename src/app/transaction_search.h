// Looks in the archived log for the transaction that did the harm, and calls relations by their
// names where the live server still knows them.
#pragma once

#include "app/context.h"
#include "layers/pitr/relation_names.h"
#include "layers/pitr/transactions.h"

namespace app {

struct SearchRequest {
  base::Instant since;
  base::Instant until;
  std::vector<std::string> tables;  // as in SQL, or numbers of files; empty: all
  size_t top = 20;
  std::optional<uint32_t> xid;                 // listed whatever it did
  std::optional<postgres::Timeline> timeline;  // else the newest
  std::optional<repository::EpochNumber> epoch;
};

struct FoundTransactions {
  layers::TransactionListing listing;
  layers::RelationNames names;
  std::string why_nameless;  // the live server could not be asked; empty: it was
  postgres::Timeline timeline;
  repository::EpochNumber epoch;
};

// Throws absent when nothing is archived or a table is not known, unavailable when a table is named
// and the server that knows it cannot be reached.
FoundTransactions find_transactions(const Context& context,
                                    const repository::Repository& repository,
                                    const SearchRequest& request, std::atomic<uint64_t>& progress,
                                    std::stop_token stop);

// "public.clients", "relation file 16412"
std::string name_of(const postgres::RelationFile& file, const layers::RelationNames& names);

// What it did, largest first: "3 412 rows of public.clients updated".
std::vector<std::string> deeds_of(const layers::Transaction& transaction,
                                  const layers::RelationNames& names);

base::Json to_json(const layers::Transaction& transaction, const layers::RelationNames& names);
base::Json to_json(const FoundTransactions& found);

// "3 412"
std::string grouped(uint64_t number);

}  // namespace app
