// What an auditor asks for, of one quarter, in one archive: every record as it is kept, the status,
// the strategy document, what `check` sees, with a SHA-256 of each file.
#pragma once

#include "app/context.h"
#include "policy/quarter.h"

namespace app {

struct EvidenceReport {
  base::Path file;
  uint64_t bytes = 0;
  std::map<std::string, uint64_t> packed;  // how many, by kind: "runs", "dumps", ...
  std::vector<std::string> redacted;       // files without the password verifiers they had
  std::vector<std::string> left_out;       // what could not be read, and why
};

// Throws invalid for a name that does not end as an archive's or a quarter that has not begun,
// conflict when the file is there, what reading throws.
EvidenceReport pack_evidence(Context& context, const policy::Quarter& quarter,
                             const base::Path& file, base::Instant now, std::stop_token stop);

}  // namespace app
