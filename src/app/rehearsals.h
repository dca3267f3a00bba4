// What drills the repository has records of, and who signed a quarter off, as documents want to be
// told it.
#pragma once

#include "documents/facts.h"
#include "repository/repository.h"

namespace app {

// Fills in `evidence.rehearsals` (the newest 100 of each kind) and `sign_offs`, oldest first.
// Throws corrupt.
void read_rehearsals(const repository::Repository& repository, documents::Evidence& evidence,
                     std::stop_token stop);

}  // namespace app
