// What went well, for those who want to know: each run, or a digest of a day.
#pragma once

#include "app/alert_text.h"
#include "app/judgement.h"

namespace app {

// Runs that ended well within the last hour.
std::vector<News> recent_news(const policy::Policy& policy, const monitor::Catalog& catalog,
                              base::Instant now);

// The newest time of the digest, if it is not long past.
std::optional<base::Instant> digest_due(const policy::Policy& policy, base::Instant now);
// Of the runs that ended in the day before `at`.
News digest(const policy::Policy& policy, const Judgement& judgement,
            const std::vector<repository::RunRecord>& runs, base::Instant at);
// Of all tiers.
std::vector<repository::RunRecord> all_runs(const policy::Policy& policy,
                                            const repository::Repository& repository,
                                            std::stop_token stop);

}  // namespace app
