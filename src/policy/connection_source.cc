#include "policy/connection_source.h"

#include <algorithm>
#include <array>

#include "base/error.h"

namespace policy {

namespace {

using base::ErrorKind;

constexpr std::string_view how_to_write =
    "write postgresql://user@host/database, or env:NAME or file:/path for the place that holds it";

bool is_word_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// libpq decodes the names of parameters, too: %70assword is password.
std::string percent_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
                        hex_digit(text[i + 2]) >= 0;
    if (escape) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool is_uri(std::string_view text) {
  const bool one_line = std::ranges::none_of(
      text, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; });
  return one_line && (text.starts_with("postgresql://") || text.starts_with("postgres://"));
}

}  // namespace

bool holds_password(std::string_view uri) {
  static constexpr std::array<std::string_view, 3> secrets{"password", "sslpassword",
                                                           "oauth_client_secret"};
  const size_t scheme = uri.find("://");
  if (scheme == std::string_view::npos) return false;
  const std::string_view rest = uri.substr(scheme + 3);
  // As libpq does: credentials end at the first '@' that no '/' precedes.
  const size_t credentials = rest.find_first_of("@/");
  if (credentials != std::string_view::npos && rest[credentials] == '@' &&
      rest.substr(0, credentials).find(':') != std::string_view::npos) {
    return true;
  }
  size_t at = rest.find('?');
  while (at != std::string_view::npos) {
    const std::string_view parameter = rest.substr(at + 1);
    const std::string name = percent_decoded(parameter.substr(0, parameter.find_first_of("=&")));
    if (std::ranges::find(secrets, name) != secrets.end()) return true;
    at = rest.find('&', at + 1);
  }
  return false;
}

bool is_uri_without_password(std::string_view text) {
  return is_uri(text) && !holds_password(text);
}

ConnectionSource parse_connection(std::string_view text) {
  if (is_uri_without_password(text)) return {ConnectionSource::Kind::uri, std::string(text)};
  if (is_uri(text)) {
    throw base::Error(ErrorKind::invalid, "the connection URI holds a password",
                      "secrets never stand in a policy: write env:NAME or file:/path and keep the "
                      "URI there, or take the password out and use PGPASSFILE");
  }
  if (text.starts_with("env:")) {
    const std::string_view name = text.substr(4);
    const bool word = !name.empty() && std::ranges::all_of(name, is_word_letter) &&
                      !(name.front() >= '0' && name.front() <= '9');
    if (!word) {
      throw base::Error(ErrorKind::invalid, "env: is not followed by a variable's name",
                        "write env:DATABASE_URL");
    }
    return {ConnectionSource::Kind::environment, std::string(name)};
  }
  if (text.starts_with("file:")) {
    std::string_view path = text.substr(5);
    if (path.starts_with("///")) path.remove_prefix(2);
    if (!path.starts_with('/') || path.starts_with("//") || path.size() < 2) {
      throw base::Error(ErrorKind::invalid, "file: is not followed by an absolute path",
                        "write file:/run/secrets/database_url");
    }
    return {ConnectionSource::Kind::file, std::string(path)};
  }
  throw base::Error(ErrorKind::invalid, "this is not a connection URI", std::string(how_to_write));
}

std::string print_connection(const ConnectionSource& source) {
  switch (source.kind) {
    case ConnectionSource::Kind::uri:
      return source.value;
    case ConnectionSource::Kind::environment:
      return "env:" + source.value;
    case ConnectionSource::Kind::file:
      return "file:" + source.value;
  }
  return source.value;
}

}  // namespace policy
