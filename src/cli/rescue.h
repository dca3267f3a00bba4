// The guided rescue: what there is, what happened, which moment is wanted, the plan, the restore,
// what came of it. Each question has an option that answers it beforehand.
#pragma once

#include "app/transaction_search.h"
#include "cli/command.h"

namespace cli {

struct RescueOptions {
  std::string since = "24h";
  std::string until;
  std::vector<std::string> tables;
  size_t top = 20;
  uint32_t timeline = 0;
  uint32_t epoch = 0;
  uint32_t undo = 0;  // a transaction
  std::string at;
  std::string to;
  std::vector<std::string> tablespaces;
  std::string configuration;
  std::string programs;
  bool yes = false;
};

// A moment, or how long ago: "24h". Throws invalid.
base::Instant moment_or_ago(const std::string& text, base::Instant now);

app::SearchRequest search_of(const RescueOptions& options, base::Instant now);
app::FoundTransactions search(const Globals& globals, const app::Context& context,
                              const repository::Repository& repository,
                              const app::SearchRequest& request);
void print_transactions(const app::FoundTransactions& found, const policy::Zone& zone);

void rescue(Globals& globals, const RescueOptions& options);

}  // namespace cli
