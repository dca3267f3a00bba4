// Where the key is that wraps data keys, as a policy says it. Values; pure functions. No key is
// ever in a policy, only its name.
#pragma once

#include <string>
#include <string_view>

namespace policy {

struct KeySource {
  enum class Kind {
    environment,  // env:BACKUP_KMS_KEY_ID: the variable holds one of the others
    file,         // file:/etc/seawall/repository.key: a local key file
    aws_kms,      // aws-kms:alias/backup, or a key id, a key ARN, an alias ARN
    transit,      // vault:transit/backup: mount and key of a Vault Transit engine
  };
  Kind kind = Kind::file;
  std::string value;  // the variable's name; the absolute path; the key's id; "mount/key"

  bool operator==(const KeySource&) const = default;
};

// Throws invalid. Without a scheme, a key ARN, "alias/...", a key id as AWS writes them, or
// "mrk-..." is AWS KMS's.
KeySource parse_key(std::string_view text);

// As the policy writes it.
std::string print_key(const KeySource& key);

}  // namespace policy
