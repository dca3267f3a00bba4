#include "policy/preset.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/bytes.h"
#include "policy/commented.h"
#include "policy/connection_source.h"
#include "policy/table_pattern.h"
#include "policy/zone.h"

namespace policy {

namespace {

constexpr const char* jobs_why =
    "pg-boss jobs: idempotent, and retried from the domain state. Restored mid-flight they would "
    "run twice. Its "
    "version, queue and schedule tables keep their rows.";

Draft note(std::string_view what, std::string_view why) {
  return {.key = "-",
          .children = {{.key = "what", .value = yaml_text(what)},
                       {.key = "why", .value = yaml_text(why)}}};
}

std::string yaml_list(const std::vector<std::string>& patterns) {
  std::vector<std::string> texts;
  for (const std::string& pattern : patterns) texts.push_back(yaml_text(pattern));
  return fmt::format("[{}]", fmt::join(texts, ", "));
}

Draft tier(std::string name, std::vector<std::string> why, std::string at, std::string retain) {
  return {.key = std::move(name),
          .why = std::move(why),
          .children = {{.key = "at", .value = fmt::format("\"{}\"", at)},
                       {.key = "retain", .value = std::move(retain)}}};
}

Draft dump_options() {
  return {.key = "options",
          .children = {{.key = "format", .value = "custom"},
                       {.key = "compress", .value = "9"},
                       {.key = "no_owner", .value = "true"},
                       {.key = "no_privileges", .value = "true"}}};
}

Draft database(std::string url, std::vector<std::string> why,
               const std::optional<std::string>& folder) {
  Draft draft{.key = "database",
              .children = {{.key = "provider", .value = "native"},
                           {.key = "url", .value = yaml_text(url), .why = std::move(why)}}};
  if (folder) draft.children.push_back({.key = "data_directory", .value = yaml_text(*folder)});
  return draft;
}

Draft repository(const std::string& store) {
  return {.key = "repository",
          .children = {{.key = "store", .value = yaml_text(store)},
                       {.key = "compress_level", .value = "2"}}};
}

// ---- breezycorp

Draft breezycorp_layers(const PresetPlaces& places) {
  Draft nightly_dump = tier("nightly",
                            {"Nightly, kept for 90 days: pg_dump --format=custom --compress=9 "
                             "--no-owner --no-privileges, "
                             "named breezycorp_<YYYY-MM-DD>.dump."},
                            "03:30", "90d");
  nightly_dump.children.push_back({.key = "store", .value = yaml_text(places.dumps_store)});
  nightly_dump.children.push_back(dump_options());
  return {.key = "layers",
          .why = {"Why both snapshots and logical dumps? Snapshots are fastest for operational "
                  "recovery. Logical dumps are "
                  "a portable, provider-independent archive that can be restored onto a different "
                  "Postgres engine if the "
                  "provider fails catastrophically or we migrate."},
          .children = {
              {.key = "pitr",
               .children = {{.key = "retain",
                             .value = "7d",
                             .why = {"Continuous WAL archiving, kept for 7 days."}}}},
              {.key = "snapshots",
               .children = {tier("nightly", {"Nightly at 03:00 SGT, kept for 30 days."}, "03:00",
                                 "30d"),
                            tier("weekly", {"Sunday at 03:00 SGT, kept for 12 weeks."}, "Sun 03:00",
                                 "12w")}},
              {.key = "dumps",
               .why = {"Staff users' password hashes are included: they are rows like any others."},
               .children = {std::move(nightly_dump)}}}};
}

Draft breezycorp_exclude() {
  return {
      .key = "exclude",
      .children = {
          {.key = "rows_of",
           .value =
               yaml_list({"pgboss.job", "pgboss.j*", "pgboss.archive", "public.staff_sessions"}),
           .why = {jobs_why,
                   "Session tokens (staff_sessions): hashed opaque tokens. Forcing a new login "
                   "after a restore is "
                   "safer than preserving them."}},
          {.key = "notes",
           .children = {
               note("audit debounce cache", "in memory only; it rebuilds on the fly"),
               note("Prometheus metrics history", "stored separately by the metrics backend")}}}};
}

Draft breezycorp_uncovered() {
  constexpr const char* files = "the files layer is not carried by this build yet";
  constexpr const char* configuration = "the configuration layer is not carried by this build yet";
  constexpr const char* stores = "only file:// stores are carried by this build yet";
  constexpr const char* alerts =
      "alerts are not carried by this build yet; `seawall status` tells by its exit code";
  constexpr const char* drills =
      "drills are not carried by this build yet; rehearse with `seawall restore`";
  return {
      .key = "uncovered",
      .children = {
          note("dumps in a bucket of their own, breezycorp-backups-<region>", stores),
          note("cross-region replication of the dumps", stores),
          note("encryption of the dumps with a customer-managed KMS key (BACKUP_KMS_KEY_ID)",
               "encryption is not carried by this build yet"),
          note("lifecycle rule that expires dumps at 90 days",
               "`seawall prune` lets them go by the same age instead"),
          note("dumps' bucket write-once for the backup IAM role",
               "a folder has no such role; seawall itself never overwrites, and only `seawall "
               "prune` deletes"),
          note("file uploads in S3: versioning and cross-region replication to a DR bucket", files),
          note("file uploads in S3: retention=5y by lifecycle, 7 years for audit-linked files",
               files),
          note("client templates (xlsx) in S3 with versioning", configuration),
          note("secrets in Vault or AWS Secrets Manager, with their rotation history",
               configuration),
          note("infrastructure as code: mirrors of the git remotes", configuration),
          note("weekly health check that restorability holds", drills),
          note("quarterly restore drill with its checklist", drills),
          note("success and failure alerts to Slack (#spade-ops) and PagerDuty", alerts),
          note("one missed run pages on-call", alerts)}};
}

// ---- by looking at a database

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
  Draft rows{.key = "rows_of", .value = yaml_list(jobs)};
  if (!jobs.empty()) rows.why.push_back(jobs_why);
  if (!sessions.empty()) {
    rows.why.push_back(fmt::format(
        "These look like sessions. Add them if a new login after a restore is right: {}",
        yaml_list(sessions)));
  }
  return {.key = "exclude", .children = {std::move(rows)}};
}

}  // namespace

std::string preset_breezycorp(const PresetPlaces& places) {
  return render_commented(
      {{.key = "version", .value = "1"},
       {.key = "name", .value = "breezycorp"},
       {.key = "timezone", .value = "Asia/Singapore"},
       database(places.database_url, {}, places.data_directory),
       repository(places.repository_store),
       breezycorp_layers(places),
       breezycorp_exclude(),
       {.key = "objectives",
        .children = {{.key = "rto",
                      .value = "15m",
                      .why = {"A restore drill measures about 15 minutes for our data."}},
                     {.key = "rpo", .value = "1m"}}},
       breezycorp_uncovered()},
      {"The backup strategy of breezycorp as a policy of seawall.",
       "`seawall check` says what is still missing; `seawall status` says whether it "
       "holds."});
}

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

  Draft dumps = tier("nightly", {}, "03:30", "90d");
  dumps.children.push_back({.key = "store", .value = yaml_text(found.dumps_store)});
  return render_commented(
      {{.key = "version", .value = "1"},
       {.key = "name", .value = yaml_text(short_name(found.name))},
       {.key = "timezone", .value = zone ? zone->name() : "UTC", .why = zone_why},
       database(write_url ? found.url : "env:DATABASE_URL", url_why, found.data_directory),
       repository(found.repository_store),
       {.key = "layers",
        .children = {{.key = "pitr", .children = {{.key = "retain", .value = "7d"}}},
                     {.key = "snapshots",
                      .children = {tier("nightly", {}, "03:00", "30d"),
                                   tier("weekly", {}, "Sun 03:00", "12w")}},
                     {.key = "dumps", .children = {std::move(dumps)}}}},
       found_exclude(found.tables)},
      {fmt::format("The backup policy of the database {} ({} when this was written), for seawall.",
                   yaml_text(found.name), base::human_bytes(found.bytes)),
       "`seawall check` says what is still missing; `seawall status` says whether it "
       "holds."});
}

}  // namespace policy
