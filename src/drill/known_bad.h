// Damage on purpose: a check that cannot fail proves nothing, so before the checks count they are
// asked of a copy that is known to be bad, where each must fail.
//
// The copy is the restored database itself within a transaction that is rolled back: a table that
// must have rows loses them, one that must be empty gets one, a sequence begins anew.
#pragma once

#include "drill/checks.h"

namespace drill {

struct CheckTerms {
  std::optional<Reference> reference;
  std::vector<policy::TablePattern> left_out;
};

// What was damaged and whether it was caught. Empty when there is nothing to damage: a database
// without rows and sequences. `contents` is what was counted before.
std::vector<repository::KnownBad> damage_on_purpose(postgres::Connection& connection,
                                                    const Contents& contents,
                                                    const CheckTerms& terms, std::stop_token stop);

}  // namespace drill
