#include "repository/dump_name.h"

#include <charconv>

#include "base/error.h"

namespace repository {

namespace {

constexpr std::string_view ending = ".dump";
constexpr size_t date_length = 10;

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

std::string escaped(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (is_plain(c) && !(c == '.' && out.empty())) {
      out += c;
    } else {
      out += fmt::format("={:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::optional<std::string> unescaped(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '=') {
      out += text[at];
      continue;
    }
    unsigned value = 0;
    if (text.size() - at < 3) return std::nullopt;
    const char* last = text.data() + at + 3;
    const auto [end, failed] = std::from_chars(text.data() + at + 1, last, value, 16);
    if (failed != std::errc{} || end != last) return std::nullopt;
    out += static_cast<char>(value);
    at += 2;
  }
  if (out.empty() || escaped(out) != text) return std::nullopt;  // one spelling for each name
  return out;
}

bool is_date(std::string_view text) {
  if (text.size() != date_length) return false;
  for (size_t at = 0; at < date_length; ++at) {
    const bool dash = at == 4 || at == 7;
    if (dash ? text[at] != '-' : text[at] < '0' || text[at] > '9') return false;
  }
  return true;
}

}  // namespace

std::string DumpName::text() const {
  const std::string stem = dump_prefix(database) + date;
  return number == 1 ? stem + ".dump" : fmt::format("{}.{}.dump", stem, number);
}

std::string dump_prefix(const std::string& database) { return escaped(database) + "_"; }

std::optional<DumpName> parse_dump_name(std::string_view text) {
  if (!text.ends_with(ending)) return std::nullopt;
  std::string_view stem = text.substr(0, text.size() - ending.size());
  DumpName name;
  const size_t underscore = stem.rfind('_');
  if (underscore == std::string_view::npos || stem.size() < underscore + 1 + date_length)
    return std::nullopt;
  const std::string_view number = stem.substr(underscore + 1 + date_length);
  if (!number.empty()) {
    const char* last = number.data() + number.size();
    if (number.size() < 2 || number[0] != '.' || number[1] == '0') return std::nullopt;
    const auto [end, failed] = std::from_chars(number.data() + 1, last, name.number);
    if (failed != std::errc{} || end != last || name.number < 2) return std::nullopt;
  }
  name.date = stem.substr(underscore + 1, date_length);
  const std::optional<std::string> database = unescaped(stem.substr(0, underscore));
  if (!is_date(name.date) || !database) return std::nullopt;
  name.database = *database;
  return name;
}

}  // namespace repository
