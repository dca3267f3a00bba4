// Are we safe? One row per line of the strategy, and what is wrong with it. From the catalog, never
// from a job's own word.
#pragma once

#include "base/json.h"
#include "monitor/catalog.h"
#include "monitor/finding.h"

namespace monitor {

struct StatusRow {
  std::string layer;
  std::string tier;
  std::optional<base::Instant> last_success;
  std::optional<base::Instant> next_due;
  std::optional<int64_t> kept;
  std::optional<int64_t> expected;
  std::optional<base::Instant> newest_restorable;
  std::string state;  // "ok", "due", "running", "missed", "not covered"
};

struct Status {
  base::Instant now;
  std::vector<StatusRow> rows;
  std::optional<base::Instant> window_begins;  // of PITR
  std::optional<base::Instant> last_transaction;
  std::vector<Finding> findings;
};

// `last_transaction` is the newest commit found in the archived log.
Status judge_status(const policy::Policy& policy, const Catalog& catalog,
                    std::optional<base::Instant> last_transaction, base::Instant now);

base::Json to_json(const Status& status);
base::Json to_json(const std::vector<Finding>& findings);
// Of the worst finding: 0 none or notices, 1 warnings, 2 critical.
int exit_code(const Status& status);

}  // namespace monitor
