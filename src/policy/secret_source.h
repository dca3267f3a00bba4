// Where a secret is, as a policy says it: never the secret itself. Values; pure functions.
#pragma once

#include <string>
#include <string_view>

namespace policy {

struct SecretSource {
  enum class Kind { environment, file };
  Kind kind = Kind::environment;
  std::string value;  // the variable's name; the file's absolute path

  bool operator==(const SecretSource&) const = default;
};

// "env:SLACK_WEBHOOK_URL", "file:/etc/seawall/slack". Throws invalid; no message repeats the text,
// as it may be the secret.
SecretSource parse_secret(std::string_view text);

// As the policy writes it.
std::string print_secret(const SecretSource& source);

}  // namespace policy
