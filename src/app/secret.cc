#include "app/secret.h"

#include <cstdlib>

#include "base/error.h"
#include "base/file.h"

namespace app {

using base::Error;
using base::ErrorKind;

std::string read_secret(const policy::SecretSource& source, const std::string& what) {
  std::string secret;
  if (source.kind == policy::SecretSource::Kind::environment) {
    const char* const value = std::getenv(source.value.c_str());
    if (value == nullptr) {
      throw Error(ErrorKind::absent,
                  fmt::format("{}: the variable {} is not set", what, source.value),
                  "set it, or name another source in the policy");
    }
    secret = value;
  } else {
    secret =
        base::while_doing(what, [&] { return base::read_text_file(source.value, 64 * base::KiB); });
  }
  while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) secret.pop_back();
  if (secret.empty() || secret.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
    throw Error(ErrorKind::invalid, fmt::format("{} in {} is not one line of text", what,
                                                policy::print_secret(source)));
  }
  return secret;
}

}  // namespace app
