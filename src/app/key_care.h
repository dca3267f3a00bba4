// The care of keys: that a copy of a key file exists elsewhere, that a new key takes over from an
// old one.
#pragma once

#include "app/context.h"
#include "crypto/local_key_file.h"
#include "repository/rewrapping.h"

namespace app {

// Keeps in the repository that a copy of this key file was compared and is right. DESIGN of it:
// docs/formats/repository.md, "Key confirmations".
void confirm_key(const repository::Repository& repository, const crypto::LocalKeyFile& key,
                 base::Instant now, std::stop_token stop);

// The policy's key files that no copy was confirmed of, by path. What cannot be read is not judged
// here: `check` tells.
std::vector<std::string> unconfirmed_keys(const policy::Policy& policy,
                                          const repository::Repository& repository,
                                          std::stop_token stop);

// Seals and opens a little with `key`. Throws what that throws.
void prove_key(const policy::KeySource& key, std::stop_token stop);

// The policy's text with `to` as the repository's key, and as that of the dumps that had the same;
// the key of before is among the retired there.
// Throws invalid when the text cannot be changed by a program, with what to write by hand.
std::string with_new_key(const std::string& policy_text, const std::string& file_name,
                         const policy::KeySource& to);

// Writes into `folder` what a host that may seal and not open needs to know of the repository: its
// hash key, its epochs, and the newest snapshot's index. Returns how many objects.
uint64_t hand_over(const repository::Repository& repository, const base::Path& folder,
                   std::stop_token stop);

struct Rewrapped {
  std::string store;  // URL
  repository::RewrapReport report;
};
// Of the repository, and of each store of dumps that is sealed here.
std::vector<Rewrapped> rewrap_all(Context& context, const policy::KeySource& to,
                                  std::stop_token stop);

}  // namespace app
