// Which tables' rows are left out: patterns as pg_dump's --exclude-table-data takes them, always
// with a schema. The dump hands `text` to pg_dump; a restored cluster is scrubbed by `matches`.
// Both must leave out the same tables, so only what both surely read alike is accepted. Values;
// pure functions.
#pragma once

#include <string>
#include <string_view>

namespace policy {

// "pgboss.job", "pgboss.j*", "*.sessions", "\"Audit\".\"Log*\"" (in double quotes every character
// stands for itself).
class TablePattern {
 public:
  // Throws invalid: no schema, a character that pg_dump reads in a way of its own, capitals outside
  // of double quotes (pg_dump folds them), or "*.*", which would leave out everything.
  static TablePattern parse(std::string_view text);

  const std::string& text() const { return text_; }
  // Whether the rows of this table are left out. Names are as in pg_class: unquoted, in their own
  // letter case.
  bool matches(std::string_view schema, std::string_view table) const;

  bool operator==(const TablePattern&) const = default;

 private:
  // One side of the dot. `stars` marks which characters of `letters` are wildcards.
  struct Part {
    std::string letters;
    std::string stars;
    bool operator==(const Part&) const = default;
  };
  static Part parse_part(std::string_view whole, std::string_view& rest);
  static bool matches(const Part& part, std::string_view name);

  std::string text_;
  Part schema_;
  Part table_;
};

// The pattern that matches exactly this table, quoted where pg_dump needs it.
std::string pattern_of(std::string_view schema, std::string_view table);

}  // namespace policy
