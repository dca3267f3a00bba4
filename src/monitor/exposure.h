// What a loss of the database would mean now. Pure.
#pragma once

#include "monitor/server.h"
#include "monitor/status.h"

namespace monitor {

struct Exposure {
  std::optional<base::Instant> newest;  // up to when the database could be brought back
  bool nothing_newer = false;           // and it has changed nothing since
};

// `facts` is null where the server was not asked.
Exposure exposure_of(const Status& status, const ServerFacts* facts);

// How much a loss now would take; nothing where none of it could be brought back.
std::optional<base::Duration> loss_now(const Exposure& exposure, base::Instant now);

// "Lost now, the database comes back as of 2026-11-22T21:33:19Z, 3 h ago; the objective is 1 min."
std::string sentence(const Exposure& exposure, const std::optional<base::Duration>& objective,
                     base::Instant now);

}  // namespace monitor
