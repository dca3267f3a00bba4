// The strategy document: what the policy promises, line by line, each with the evidence that it is
// so. Pure.
#pragma once

#include "base/json.h"
#include "documents/facts.h"

namespace documents {

// One line of it.
struct StrategyRow {
  std::string layer;  // "Point-in-time recovery"
  std::string cadence;
  std::string retention;
  std::string storage;
  std::string state;  // as status has it
  std::optional<base::Instant> last_success;
  std::optional<base::Instant> newest_restorable;
  std::vector<std::string> copies;  // where it is
  std::string locked_until;         // in words; empty: no lock can be seen
  std::optional<Rehearsal> proven;  // the last rehearsal that restored it; nothing: not drilled yet
};

// `facts` has evidence.
std::vector<StrategyRow> strategy_rows(const Facts& facts);
Document strategy(const Facts& facts);
base::Json strategy_json(const Facts& facts);

}  // namespace documents
