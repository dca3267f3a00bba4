#include "policy/preset.h"

#include "policy/preset_parts.h"

namespace policy {

namespace {

using parts::note;
using parts::tier;

constexpr const char* key_file = "/etc/seawall/breezycorp.key";

Draft dump_options() {
  return {.key = "options",
          .children = {{.key = "format", .value = "custom"},
                       {.key = "compress", .value = "9"},
                       {.key = "no_owner", .value = "true"},
                       {.key = "no_privileges", .value = "true"}}};
}

Draft layers(const PresetStores& stores) {
  Draft nightly_dump = tier("nightly",
                            {"Nightly, kept for 90 days: pg_dump --format=custom --compress=9 "
                             "--no-owner --no-privileges, named breezycorp_<YYYY-MM-DD>.dump."},
                            "03:30", "90d");
  for (Draft& draft : parts::dumps_places(stores, key_file))
    nightly_dump.children.push_back(std::move(draft));
  nightly_dump.children.push_back(dump_options());
  return {.key = "layers",
          .why = {"Why both snapshots and logical dumps? Snapshots are fastest for operational "
                  "recovery. Logical dumps are a portable, provider-independent archive that can "
                  "be restored onto a different Postgres engine if the provider fails "
                  "catastrophically or we migrate."},
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

Draft exclude() {
  return {.key = "exclude",
          .children = {
              {.key = "rows_of",
               .value = parts::yaml_list(
                   {"pgboss.job", "pgboss.j*", "pgboss.archive", "public.staff_sessions"}),
               .why = {parts::jobs_why,
                       "Session tokens (staff_sessions): hashed opaque tokens. Forcing a new login "
                       "after a restore is safer than preserving them."}},
              {.key = "notes",
               .children = {note("audit debounce cache", "in memory only; it rebuilds on the fly"),
                            note("Prometheus metrics history",
                                 "stored separately by the metrics backend")}}}};
}

// What the choice of stores leaves of the strategy's line about dumps.
std::vector<Draft> uncovered_dumps(const PresetStores& stores) {
  constexpr const char* replication = "cross-region replication of the dumps";
  if (stores.in_buckets()) {
    if (stores.replica) return {};
    return {note(replication, "no second region was named; `replica` of the tier takes one")};
  }
  constexpr const char* folders =
      "this policy keeps dumps in a folder; `seawall init --preset "
      "breezycorp --region REGION` has them in buckets";
  return {note("dumps in a bucket of their own, breezycorp-backups-<region>", folders),
          note(replication, folders),
          note("encryption of the dumps with a customer-managed KMS key (BACKUP_KMS_KEY_ID)",
               "this policy names no key; `encryption` of the repository and of the tier take one"),
          note("lifecycle rule that expires dumps at 90 days",
               "`seawall prune` lets them go by the same age instead"),
          note("dumps' bucket write-once for the backup IAM role",
               "a folder has no such role; seawall itself never overwrites, and only `seawall "
               "prune` deletes")};
}

Draft uncovered(const PresetStores& stores) {
  constexpr const char* files = "the files layer is not carried by this build yet";
  constexpr const char* configuration = "the configuration layer is not carried by this build yet";
  Draft draft{.key = "uncovered", .children = uncovered_dumps(stores)};
  for (Draft& one : std::vector<Draft>{
           note("file uploads in S3: versioning and cross-region replication to a DR bucket",
                files),
           note("file uploads in S3: retention=5y by lifecycle, 7 years for audit-linked files",
                files),
           note("client templates (xlsx) in S3 with versioning", configuration),
           note("secrets in Vault or AWS Secrets Manager, with their rotation history",
                configuration),
           note("infrastructure as code: mirrors of the git remotes", configuration)}) {
    draft.children.push_back(std::move(one));
  }
  return draft;
}

Draft run(const PresetStores& stores) {
  Draft draft{.key = "run",
              .children = {{.key = "listen", .value = "127.0.0.1:9187"},
                           {.key = "heartbeat", .value = "true"}}};
  if (stores.in_buckets()) {
    draft.children.push_back({.key = "probe",
                              .value = "\"04:30\"",
                              .why = {"Buckets are write-once for the backup role: a compromised "
                                      "key must not be able to delete backups."}});
  }
  return draft;
}

Draft monitor() {
  return {.key = "monitor",
          .why = {"Backup success and failure go to #spade-ops and to PagerDuty; one missed run "
                  "pages on-call."},
          .children = {{.key = "slack",
                        .children = {{.key = "webhook", .value = "env:SLACK_WEBHOOK_URL"},
                                     {.key = "channel", .value = "\"#spade-ops\""},
                                     {.key = "success", .value = "each"}}},
                       {.key = "pagerduty",
                        .children = {{.key = "routing_key", .value = "env:PAGERDUTY_ROUTING_KEY"},
                                     {.key = "changes", .value = "true"}}},
                       {.key = "missed_runs", .value = "1"}}};
}

Draft drill() {
  return {
      .key = "drill",
      .why = {"The weekly health check verifies restorability; the quarterly drill has a checklist "
              "that somebody signs off."},
      .children = {
          {.key = "weekly", .value = "\"Sun 06:00\""},
          {.key = "quarterly", .value = "true"},
          {.key = "checks",
           .children = {
               {.key = "-",
                .children = {{.key = "name", .value = "staff users' password hashes are there"},
                             {.key = "sql",
                              .value = "\"select count(*) from public.staff_users where "
                                       "password_hash is null or password_hash = ''\""},
                             {.key = "expect", .value = "\"0\""}}},
               {.key = "-",
                .children = {{.key = "name", .value = "there are staff users"},
                             {.key = "sql", .value = "\"select count(*) from public.staff_users\""},
                             {.key = "expect", .value = "\"> 0\""}}}}}}};
}

}  // namespace

std::string preset_breezycorp(const PresetPlaces& places) {
  std::vector<Draft> drafts = {{.key = "version", .value = "1"},
                               {.key = "name", .value = "breezycorp"},
                               {.key = "timezone", .value = "Asia/Singapore"},
                               parts::database(places.database_url, {}, places.data_directory)};
  for (Draft& draft : parts::s3_service(places.stores)) drafts.push_back(std::move(draft));
  drafts.push_back(parts::repository(places.stores, key_file));
  drafts.push_back(layers(places.stores));
  drafts.push_back(exclude());
  drafts.push_back({.key = "objectives",
                    .children = {{.key = "rto",
                                  .value = "15m",
                                  .why = {"A restore drill measures about 15 minutes for our "
                                          "data."}},
                                 {.key = "rpo", .value = "1m"}}});
  drafts.push_back(run(places.stores));
  drafts.push_back(monitor());
  drafts.push_back(drill());
  drafts.push_back(uncovered(places.stores));
  return render_commented(drafts,
                          {"The backup strategy of breezycorp as a policy of seawall.",
                           "`seawall check` says what is still missing; `seawall status` says "
                           "whether it holds."});
}

}  // namespace policy
