// Tries, with the credential that writes, what that credential must not be able to do: overwrite,
// delete, shorten a lock, change how the bucket is. On an object of its own only, a canary; what is
// configured is put again exactly as it was read. docs/formats/store.md, "Canaries".
#pragma once

#include "cloud/s3_store.h"

namespace cloud {

enum class ProbeOutcome {
  refused,   // as it must be
  harmless,  // it was let pass, and the canary is what it was: an older version counts
  lost,      // the canary's bytes are gone or another's
  allowed,   // the bucket may be changed by this credential
  unproven,  // it could not be tried: what would be put again cannot be read, or is not there
};
std::string_view name(ProbeOutcome outcome);

struct ProbeStep {
  std::string what;  // "delete the version"
  ProbeOutcome outcome = ProbeOutcome::unproven;
  std::string detail;  // the server's code, or why it was not tried
};

struct WriteOnceReport {
  std::string url;
  std::string canary;  // its key
  std::vector<ProbeStep> steps;

  bool any(ProbeOutcome outcome) const;
};

// Throws what putting the canary throws: a writer that cannot write proves nothing.
WriteOnceReport probe_write_once(S3Store& store, base::Instant now, std::stop_token stop);

}  // namespace cloud
