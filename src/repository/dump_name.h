// The names of dumps in their store. docs/formats/dump.md, "Objects". Values; pure functions.
#pragma once

#include <compare>
#include <optional>
#include <string>

#include "storage/object_store.h"

namespace repository {

struct DumpName {
  std::string database;  // as PostgreSQL knows it
  std::string date;      // "2026-11-22"
  int number = 1;        // which of that day

  std::string text() const;  // "breezycorp_2026-11-22.dump", "breezycorp_2026-11-22.2.dump"
  storage::ObjectKey archive_key() const { return storage::ObjectKey(text()); }
  storage::ObjectKey record_key() const { return storage::ObjectKey(text() + ".json"); }
  auto operator<=>(const DumpName&) const = default;
};

// What text() wrote; nothing for any other text.
std::optional<DumpName> parse_dump_name(std::string_view text);

// What the names of all dumps of a database start with.
std::string dump_prefix(const std::string& database);

}  // namespace repository
