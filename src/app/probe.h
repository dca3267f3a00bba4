// Proves, with the credential at hand, that what is written once stays: in each bucket of the
// policy, on canaries only.
#pragma once

#include "app/context.h"
#include "repository/probe_record.h"

namespace app {

// Probes the repository's bucket and those of the dumps, and keeps what was found in the
// repository. Throws invalid when the policy keeps nothing in a bucket; what putting a canary
// throws.
repository::ProbeRecord probe_write_once(Context& context, std::stop_token stop);

// Deletes what is no object in the policy's buckets: uploads that nobody completed within a day,
// canaries of 30 days. With the pruner's credential.
void tidy_buckets(Context& context, base::Instant now, std::stop_token stop);

// 0: all was refused, or did no harm; 1: some of it is unproven; 2: something was lost, or this
// credential may change a bucket.
int exit_code(const repository::ProbeRecord& record);

}  // namespace app
