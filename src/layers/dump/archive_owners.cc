#include "layers/dump/archive_owners.h"

#include <algorithm>
#include <array>

#include "postgres/connection.h"

namespace layers {

namespace {

// The three lists follow _getObjectDescription in PostgreSQL's pg_backup_archiver.c.
constexpr std::array<std::string_view, 4> altered_as_tables = {"TABLE", "VIEW", "SEQUENCE",
                                                               "MATERIALIZED VIEW"};
constexpr std::array<std::string_view, 15> named_by_tag = {"COLLATION",
                                                           "CONVERSION",
                                                           "DOMAIN",
                                                           "TYPE",
                                                           "FOREIGN TABLE",
                                                           "TEXT SEARCH DICTIONARY",
                                                           "TEXT SEARCH CONFIGURATION",
                                                           "STATISTICS",
                                                           "PROCEDURAL LANGUAGE",
                                                           "SCHEMA",
                                                           "EVENT TRIGGER",
                                                           "FOREIGN DATA WRAPPER",
                                                           "SERVER",
                                                           "PUBLICATION",
                                                           "SUBSCRIPTION"};
constexpr std::array<std::string_view, 6> named_by_drop = {
    "AGGREGATE", "FUNCTION", "OPERATOR", "OPERATOR CLASS", "OPERATOR FAMILY", "PROCEDURE"};
constexpr std::array<std::string_view, 4> of_superusers = {"EVENT TRIGGER", "FOREIGN DATA WRAPPER",
                                                           "PUBLICATION", "SUBSCRIPTION"};

bool among(const auto& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

std::optional<std::string> owned_object(const TocEntry& entry) {
  if (entry.owner.empty() || entry.drop.empty()) return std::nullopt;
  const bool as_table = among(altered_as_tables, entry.kind);
  if (as_table || among(named_by_tag, entry.kind)) {
    const std::string schema =
        entry.schema.empty() ? "" : postgres::quote_identifier(entry.schema) + ".";
    return fmt::format("{} {}{}", as_table ? "TABLE" : entry.kind, schema,
                       postgres::quote_identifier(entry.tag));
  }
  constexpr std::string_view word = "DROP ";
  if (!among(named_by_drop, entry.kind) || !entry.drop.starts_with(word)) return std::nullopt;
  std::string text = entry.drop.substr(word.size());
  text.erase(text.find_last_not_of("; \n") + 1);
  return text;
}

bool wants_superuser_owner(const TocEntry& entry) { return among(of_superusers, entry.kind); }

}  // namespace layers
