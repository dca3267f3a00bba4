// A policy made by looking at a database.
#include <algorithm>

#include "base/bytes.h"
#include "policy/connection_source.h"
#include "policy/preset_parts.h"
#include "policy/table_pattern.h"
#include "policy/zone.h"

namespace policy {

namespace {

using parts::tier;

std::string short_name(std::string_view name) {
  std::string out;
  for (const char c : name.substr(0, 40)) {
    const unsigned char byte = static_cast<unsigned char>(c);
    const bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    if (fits) {
      out += c;
    } else if (c >= 'A' && c <= 'Z') {
      out += static_cast<char>(c - 'A' + 'a');
    } else if ((byte & 0xC0) != 0x80) {  // one for each character, however many bytes it has
      out += '_';
    }
  }
  return out.empty() ? "app" : out;
}

// pg-boss keeps its version beside its jobs; the schema's name is the application's choice.
std::vector<std::string> job_tables(const std::vector<FoundTable>& tables) {
  const auto has = [&](const std::string& schema, std::string_view table) {
    return std::ranges::any_of(
        tables, [&](const FoundTable& t) { return t.schema == schema && t.table == table; });
  };
  std::vector<std::string> patterns;
  for (const FoundTable& found : tables) {
    const bool pg_boss =
        found.table == "job" && has(found.schema, "version") && has(found.schema, "schedule");
    if (!pg_boss) continue;
    const std::string job = pattern_of(found.schema, "job");
    patterns.push_back(job);
    patterns.push_back(job.substr(0, job.size() - 2) +
                       "*");  // j*: its partitions are named j and a hash
    if (has(found.schema, "archive")) patterns.push_back(pattern_of(found.schema, "archive"));
  }
  return patterns;
}

std::vector<std::string> session_tables(const std::vector<FoundTable>& tables) {
  std::vector<std::string> patterns;
  for (const FoundTable& found : tables) {
    if (found.table.ends_with("session") || found.table.ends_with("sessions")) {
      patterns.push_back(pattern_of(found.schema, found.table));
    }
  }
  return patterns;
}

Draft found_exclude(const std::vector<FoundTable>& tables) {
  const std::vector<std::string> jobs = job_tables(tables);
  const std::vector<std::string> sessions = session_tables(tables);
  Draft rows{.key = "rows_of", .value = parts::yaml_list(jobs)};
  if (!jobs.empty()) rows.why.push_back(parts::jobs_why);
  if (!sessions.empty()) {
    rows.why.push_back(fmt::format(
        "These look like sessions. Add them if a new login after a restore is right: {}",
        parts::yaml_list(sessions)));
  }
  return {.key = "exclude", .children = {std::move(rows)}};
}

}  // namespace

std::string commented_policy(const FoundDatabase& found) {
  const bool write_url = is_uri_without_password(found.url);
  const std::vector<std::string> url_why =
      write_url ? std::vector<std::string>{}
                : std::vector<std::string>{
                      "The connection was given with a password, or in a form that a policy does "
                      "not take. Keep it as a URI in this variable."};
  const std::optional<Zone> zone = Zone::find(found.time_zone);
  std::vector<std::string> zone_why;
  if (!zone)
    zone_why.push_back(
        "The server's own setting is no IANA zone. Put the zone of the people on call.");
  const std::string name = short_name(found.name);
  const std::string key_file = fmt::format("/etc/seawall/{}.key", name);

  Draft dumps = tier("nightly", {}, "03:30", "90d");
  for (Draft& draft : parts::dumps_places(found.stores, key_file))
    dumps.children.push_back(std::move(draft));
  std::vector<Draft> drafts = {
      {.key = "version", .value = "1"},
      {.key = "name", .value = yaml_text(name)},
      {.key = "timezone", .value = zone ? zone->name() : "UTC", .why = zone_why},
      parts::database(write_url ? found.url : "env:DATABASE_URL", url_why, found.data_directory)};
  for (Draft& draft : parts::s3_service(found.stores)) drafts.push_back(std::move(draft));
  drafts.push_back(parts::repository(found.stores, key_file));
  drafts.push_back({.key = "layers",
                    .children = {{.key = "pitr", .children = {{.key = "retain", .value = "7d"}}},
                                 {.key = "snapshots",
                                  .children = {tier("nightly", {}, "03:00", "30d"),
                                               tier("weekly", {}, "Sun 03:00", "12w")}},
                                 {.key = "dumps", .children = {std::move(dumps)}}}});
  drafts.push_back(found_exclude(found.tables));
  return render_commented(
      drafts,
      {fmt::format("The backup policy of the database {} ({} when this was written), for seawall.",
                   yaml_text(found.name), base::human_bytes(found.bytes)),
       "`seawall check` says what is still missing; `seawall status` says whether it "
       "holds."});
}

}  // namespace policy
