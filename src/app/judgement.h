// Are we safe? What `status`, `watch` and `metrics` judge by: everything that is stored, in one
// look.
#pragma once

#include "app/context.h"
#include "layers/pitr/wal_scan.h"
#include "monitor/status.h"

namespace app {

struct Judgement {
  monitor::Catalog catalog;
  monitor::Status status;
  std::optional<layers::WalMoment> last_commit;  // that the archive can bring back
};

// Reads only. Throws what reading the repository throws: that other places cannot be looked at is
// a finding.
Judgement judge(Context& context, const repository::Repository& repository, base::Instant now,
                std::stop_token stop);

}  // namespace app
