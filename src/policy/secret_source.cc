#include "policy/secret_source.h"

#include "base/error.h"
#include "policy/connection_source.h"

namespace policy {

SecretSource parse_secret(std::string_view text) {
  if (!text.starts_with("env:") && !text.starts_with("file:")) {
    throw base::Error(base::ErrorKind::invalid, "this is not the place of a secret",
                      "secrets never stand in a policy: write env:NAME or file:/path and keep it "
                      "there");
  }
  const ConnectionSource place = parse_connection(text);
  const bool variable = place.kind == ConnectionSource::Kind::environment;
  return {variable ? SecretSource::Kind::environment : SecretSource::Kind::file, place.value};
}

std::string print_secret(const SecretSource& source) {
  return (source.kind == SecretSource::Kind::environment ? "env:" : "file:") + source.value;
}

}  // namespace policy
