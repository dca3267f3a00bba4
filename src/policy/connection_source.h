// Where a policy says to connect. Values; pure functions.
#pragma once

#include <string>
#include <string_view>

namespace policy {

// A libpq URI without a password, or the place that holds one.
struct ConnectionSource {
  enum class Kind { uri, environment, file };
  Kind kind = Kind::uri;
  std::string value;  // the URI; the variable's name; the file's absolute path

  bool operator==(const ConnectionSource&) const = default;
};

// "postgresql://user@host/db", "env:DATABASE_URL", "file:/run/secrets/url". Throws invalid; a URI
// that holds a password is refused. No message repeats the text, as it may hold one.
ConnectionSource parse_connection(std::string_view text);

// Whether a URI of libpq's carries a secret: a password before the host, or one among the
// parameters.
bool holds_password(std::string_view uri);

// Whether parse_connection takes it as a URI.
bool is_uri_without_password(std::string_view text);

// As the policy writes it.
std::string print_connection(const ConnectionSource& source);

}  // namespace policy
