// What a verify found, kept: the next snapshot builds upon none of what is damaged, retention does
// not count on it, and status tells. docs/formats/repository.md, `verifications/`.
#pragma once

#include <set>

#include "repository/verify.h"

namespace repository {

struct Verification {
  base::Instant at;
  uint64_t objects = 0;
  uint64_t bytes = 0;
  std::vector<Damage> damage;

  std::set<std::string> damaged_keys() const;
  bool damages(const std::string& snapshot) const;
};

void keep_verification(const Repository& repository, const VerifyReport& report, base::Instant now,
                       std::stop_token stop);

// The newest, or nothing when nobody has verified yet.
std::optional<Verification> newest_verification(const Repository& repository, std::stop_token stop);

}  // namespace repository
