#include "policy/key_source.h"

#include <algorithm>

#include "base/error.h"
#include "policy/connection_source.h"
#include "policy/spelling.h"

namespace policy {

namespace {

constexpr std::string_view how_to_write =
    "write env:NAME, file:/path of a key file, aws-kms:KEY (an id, an ARN or alias/NAME), or "
    "vault:MOUNT/KEY";

base::Error misfit(std::string_view text, std::string_view what) {
  return base::Error(base::ErrorKind::invalid, fmt::format("{} {}", shown(text), what),
                     std::string(how_to_write));
}

bool is_key_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-_/:.").find(c) != std::string_view::npos;
}

bool is_key_text(std::string_view text) {
  return !text.empty() && text.size() <= 2048 && std::ranges::all_of(text, is_key_letter);
}

// 1234abcd-12ab-34cd-56ef-1234567890ab
bool is_key_id(std::string_view text) {
  if (text.starts_with("mrk-")) return text.size() == 36;
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash != (text[i] == '-')) return false;
    if (!dash && std::string_view("0123456789abcdefABCDEF").find(text[i]) == std::string_view::npos)
      return false;
  }
  return true;
}

bool is_aws_key(std::string_view text) {
  return is_key_text(text) &&
         (is_key_id(text) || (text.starts_with("alias/") && text.size() > 6) ||
          (text.starts_with("arn:aws") && text.find(":kms:") != std::string_view::npos));
}

}  // namespace

KeySource parse_key(std::string_view text) {
  if (text.starts_with("env:") || text.starts_with("file:")) {
    const ConnectionSource place = parse_connection(text);
    const bool variable = place.kind == ConnectionSource::Kind::environment;
    return {variable ? KeySource::Kind::environment : KeySource::Kind::file, place.value};
  }
  if (text.starts_with("vault:")) {
    const std::string_view key = text.substr(6);
    const size_t slash = key.rfind('/');
    if (!is_key_text(key) || slash == std::string_view::npos || slash == 0 ||
        slash + 1 == key.size()) {
      throw misfit(text, "names no key of a Transit engine");
    }
    return {KeySource::Kind::transit, std::string(key)};
  }
  const std::string_view key = text.starts_with("aws-kms:") ? text.substr(8) : text;
  if (!is_aws_key(key)) throw misfit(text, "is not a key");
  return {KeySource::Kind::aws_kms, std::string(key)};
}

std::string print_key(const KeySource& key) {
  switch (key.kind) {
    case KeySource::Kind::environment:
      return "env:" + key.value;
    case KeySource::Kind::file:
      return "file:" + key.value;
    case KeySource::Kind::aws_kms:
      return "aws-kms:" + key.value;
    case KeySource::Kind::transit:
      return "vault:" + key.value;
  }
  return key.value;
}

}  // namespace policy
