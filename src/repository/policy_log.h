// The policy itself as a fact: its text is kept on each change, so that anyone can tell since when
// what was promised. docs/formats/repository.md, `policies/`.
#pragma once

#include "repository/repository.h"

namespace repository {

struct PolicyVersion {
  base::Instant since;
  std::string text;  // empty: not open to a host that only seals
  std::string hash;  // of the text, as the object's name has it
};

// Oldest first.
std::vector<PolicyVersion> read_policies(const Repository& repository, std::stop_token stop);
// Keeps `text` unless it is what was kept last.
void keep_policy(const Repository& repository, const std::string& text, base::Instant now,
                 std::stop_token stop);

}  // namespace repository
