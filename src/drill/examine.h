// All that is asked of a scratch server, in order; what was seen goes into the record.
#pragma once

#include "drill/known_bad.h"
#include "drill/rehearsal.h"

namespace drill {

// A server that is up and lets us in.
struct Booted {
  layers::SealedServer& server;
  base::Path programs;
  base::Path socket_folder;
  std::string role;
  base::Path work_folder;  // of what is run beside it
};

// Counts, damages on purpose, checks. Throws cancelled, and what the server throws when it dies.
void examine(const Booted& booted, const Terms& terms, const std::optional<Reference>& reference,
             repository::DrillRecord& record, Progress& progress, std::stop_token stop);

}  // namespace drill
