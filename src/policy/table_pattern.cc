#include "policy/table_pattern.h"

#include <algorithm>

#include "base/error.h"
#include "policy/spelling.h"

namespace policy {

namespace {

using base::ErrorKind;

constexpr std::string_view how_to_write =
    "write schema.table in lower case, with * for any letters, such as pgboss.job or pgboss.j*";

bool is_plain(char c) {
  const bool ascii_word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '$';
  return ascii_word || static_cast<unsigned char>(c) >= 0x80;
}

base::Error misfit(std::string_view text, std::string_view what,
                   std::string_view hint = how_to_write) {
  return base::Error(ErrorKind::invalid, fmt::format("{} {}", shown(text), what),
                     std::string(hint));
}

}  // namespace

// Takes one part off the front of `rest`: up to a dot or the end.
TablePattern::Part TablePattern::parse_part(std::string_view whole, std::string_view& rest) {
  Part part;
  const auto add = [&](char c, bool star) {
    part.letters += c;
    part.stars += star ? '*' : ' ';
  };
  bool in_quotes = false;
  for (; !rest.empty() && (in_quotes || rest.front() != '.'); rest.remove_prefix(1)) {
    const char c = rest.front();
    if (c == '"' && in_quotes && rest.size() > 1 && rest[1] == '"') {
      add('"', false);
      rest.remove_prefix(1);
    } else if (c == '"') {
      in_quotes = !in_quotes;
    } else if (in_quotes || is_plain(c)) {
      add(c, false);
    } else if (c == '*') {
      add(c, true);
    } else if (c >= 'A' && c <= 'Z') {
      throw misfit(whole,
                   "has capitals outside of double quotes, which pg_dump reads as lower case",
                   "put the name in double quotes, or write it in lower case");
    } else {
      throw misfit(
          whole,
          fmt::format("holds {}, which pg_dump may read in a way of its own", shown({&c, 1})),
          "put the name in double quotes: '\"my-schema\".\"my-table\"'");
    }
  }
  if (in_quotes) throw misfit(whole, "lacks a closing double quote");
  if (part.letters.empty()) throw misfit(whole, "is not a table pattern");
  return part;
}

TablePattern TablePattern::parse(std::string_view text) {
  TablePattern pattern;
  pattern.text_ = text;
  std::string_view rest = text;
  pattern.schema_ = parse_part(text, rest);
  if (rest.empty()) {
    throw misfit(text, "names no schema",
                 fmt::format("did you mean {}?", shown(fmt::format("public.{}", text))));
  }
  rest.remove_prefix(1);
  pattern.table_ = parse_part(text, rest);
  if (!rest.empty()) throw misfit(text, "has more than a schema and a table");
  const auto anything = [](const Part& part) {
    return part.stars.find_first_not_of('*') == std::string::npos;
  };
  if (anything(pattern.schema_) && anything(pattern.table_)) {
    throw misfit(text, "would leave out the rows of every table", "name a schema or a table");
  }
  return pattern;
}

bool TablePattern::matches(std::string_view schema, std::string_view table) const {
  return matches(schema_, schema) && matches(table_, table);
}

// The usual greedy match with one step back: the last star takes one more letter when what follows
// it does not fit.
bool TablePattern::matches(const Part& part, std::string_view name) {
  size_t in_part = 0;
  size_t in_name = 0;
  size_t after_star = std::string::npos;
  size_t star_took_to = 0;
  while (in_name < name.size()) {
    if (in_part < part.letters.size() && part.stars[in_part] == '*') {
      after_star = ++in_part;
      star_took_to = in_name;
    } else if (in_part < part.letters.size() && part.letters[in_part] == name[in_name]) {
      ++in_part;
      ++in_name;
    } else if (after_star != std::string::npos) {
      in_part = after_star;
      in_name = ++star_took_to;
    } else {
      return false;
    }
  }
  return part.stars.find_first_not_of('*', in_part) == std::string::npos;
}

std::string pattern_of(std::string_view schema, std::string_view table) {
  const auto part = [](std::string_view name) {
    if (!name.empty() && std::ranges::all_of(name, is_plain)) return std::string(name);
    std::string out = "\"";
    for (const char c : name) {
      out += c;
      if (c == '"') out += c;
    }
    return out + "\"";
  };
  return fmt::format("{}.{}", part(schema), part(table));
}

}  // namespace policy
