// The keys that a policy names become what seals and opens.
#pragma once

#include "policy/policy.h"
#include "repository/repository.h"

namespace app {

// The same, or what the variable holds that it names. Throws absent, invalid.
policy::KeySource resolved(const policy::KeySource& source);

// One key. Throws absent, denied, invalid when it cannot be had; a key service is not asked yet.
std::unique_ptr<crypto::KeyWrapper> open_key(const policy::KeySource& source);

// All of `encryption`; `more` is one that opens what is sealed, too.
repository::Keys open_keys(const policy::Encryption& encryption,
                           const std::optional<policy::KeySource>& more = {});

}  // namespace app
