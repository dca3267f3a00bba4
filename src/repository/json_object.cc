#include "repository/json_object.h"

#include <charconv>

#include "base/error.h"
#include "crypto/digest.h"

namespace repository {

using base::ErrorKind;

namespace {

constexpr int version = 1;

std::string header_line(std::string_view type, std::string_view sha256) {
  return fmt::format(R"({{"seawall":"{}","version":{},"sha256":"{}","body":)", type, version,
                     sha256);
}

// The number behind "version": in a header line that is not ours; nothing if there is none.
std::optional<int> version_of(std::string_view line) {
  constexpr std::string_view mark = "\"version\":";
  const size_t at = line.find(mark);
  if (!line.starts_with("{\"seawall\":\"") || at == std::string_view::npos) return std::nullopt;
  int number = 0;
  const std::string_view digits = line.substr(at + mark.size());
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (failed != std::errc{} || end == digits.data()) return std::nullopt;
  return number;
}

}  // namespace

base::Bytes wrap_json(std::string_view type, const base::Json& body) {
  const std::string text = body.dump(1);
  return base::to_bytes(header_line(type, crypto::sha256_hex(base::as_bytes(text))) + "\n" + text +
                        "\n}\n");
}

base::Json unwrap_json(std::string_view type, base::ByteView object) {
  const std::string_view text = base::as_text(object);
  const size_t newline = text.find('\n');
  if (newline == std::string_view::npos || !text.ends_with("\n}\n") || text.size() < newline + 4) {
    throw base::error(ErrorKind::corrupt, "this is no whole {} object", type);
  }
  const std::string_view line = text.substr(0, newline);
  const std::string_view body = text.substr(newline + 1, text.size() - newline - 4);
  if (line != header_line(type, crypto::sha256_hex(base::as_bytes(body)))) {
    const std::optional<int> other = version_of(line);
    if (other && *other > version) {
      throw base::Error(
          ErrorKind::invalid,
          fmt::format("this {} is of format {}, written by a newer seawall", type, *other),
          "use that version or a later one");
    }
    throw base::error(ErrorKind::corrupt, "this {} does not match its SHA-256", type);
  }
  return base::parse_json(body, type);
}

}  // namespace repository
