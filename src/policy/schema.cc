#include "policy/schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "policy/schema_stores.h"
#include "policy/schema_watching.h"

namespace policy {

namespace {

constexpr int name_letters_max = 40;

Field not_carried(std::string name, std::string doc) {
  return {.name = std::move(name), .doc = std::move(doc), .carried = false};
}

std::vector<Field> tier_fields(std::vector<Field> when, std::vector<Field> more) {
  std::vector<Field> fields = std::move(when);
  fields.push_back({.name = "retain",
                    .type = FieldType::duration,
                    .doc = "How long each is kept, counted from its slot. The last good one of a "
                           "tier is never let go.",
                    .example = "30d",
                    .required = true});
  fields.push_back(
      {.name = "start_within",
       .type = FieldType::duration,
       .doc = "A slot that nobody has claimed after this long is late. At most finish_within.",
       .example = "15m",
       .default_value = "15m"});
  fields.push_back({.name = "finish_within",
                    .type = FieldType::duration,
                    .doc = "A slot without a valid result after this long is missed. At most the "
                           "time between two slots.",
                    .example = "2h",
                    .default_value = "2h"});
  for (Field& field : more) fields.push_back(std::move(field));
  return fields;
}

Field at_field(bool required) {
  return {.name = "at",
          .type = FieldType::at,
          .doc =
              "The time of day in the policy's time zone, for a weekly tier with the day of the "
              "week before it.",
          .example = "\"03:00\"",
          .required = required};
}

Field notes_field(std::string name, std::string doc, std::string example) {
  return {.name = std::move(name),
          .type = FieldType::sections,
          .doc = std::move(doc),
          .example = std::move(example),
          .fields = {{.name = "what",
                      .type = FieldType::text,
                      .doc = "The thing.",
                      .example = "a cache",
                      .required = true},
                     {.name = "why",
                      .type = FieldType::text,
                      .doc = "The reason, for whoever reads this in an emergency.",
                      .example = "it rebuilds on the fly",
                      .required = true}}};
}

Field database_field() {
  return {.name = "database",
          .doc = "The Postgres cluster that is protected.",
          .required = true,
          .fields = {
              {.name = "provider",
               .type = FieldType::choice,
               .doc = "Who carries point-in-time recovery and snapshots: native is seawall itself.",
               .example = "native",
               .default_value = "native",
               .choices = {{"native"}, {"rds", false}, {"cloudsql", false}, {"neon", false}}},
              {.name = "url",
               .type = FieldType::connection,
               .doc = "Where to connect: a libpq URI without a password, or env:NAME or file:/path "
                      "that holds the URI. "
                      "libpq's own PGPASSFILE and ~/.pgpass give passwords too.",
               .example = "postgresql:///app",
               .required = true},
              {.name = "access",
               .type = FieldType::choice,
               .doc = "How snapshots get at the cluster's files: files reads them on this host, "
                      "replication has the server send them over its replication protocol.",
               .example = "files",
               .default_value = "files",
               .choices = {{"files"}, {"replication"}}},
              {.name = "data_directory",
               .type = FieldType::path,
               .doc = "The server's data directory on this host. Without it the server is asked.",
               .example = "/var/lib/postgresql/15/main"}}};
}

Field pitr_field() {
  return {
      .name = "pitr",
      .doc =
          "Point-in-time recovery: WAL is archived continuously, so that any second of the window "
          "can be restored.",
      .fields = {{.name = "retain",
                  .type = FieldType::duration,
                  .doc = "The recovery window. One snapshot older than it is always kept, with all "
                         "WAL since.",
                  .example = "7d",
                  .required = true},
                 {.name = "receive",
                  .doc = "WAL is streamed from a replication slot as well, so that seconds are "
                         "lost at most, not a segment.",
                  .fields = {{.name = "slot",
                              .type = FieldType::identifier,
                              .doc = "The name of the replication slot.",
                              .example = "seawall",
                              .required = true,
                              .most = 63},
                             {.name = "flush",
                              .type = FieldType::duration,
                              .doc = "The longest that received WAL waits before it is durable.",
                              .example = "1s",
                              .default_value = "1s"}}}}};
}

Field dumps_field() {
  Field options{.name = "options",
                .doc = "How pg_dump is run.",
                .fields = {{.name = "format",
                            .type = FieldType::choice,
                            .doc = "The archive format.",
                            .example = "custom",
                            .default_value = "custom",
                            .choices = {{"custom"}}},
                           {.name = "compress",
                            .type = FieldType::integer,
                            .doc = "zlib's level.",
                            .example = "9",
                            .default_value = "9",
                            .least = 0,
                            .most = 9},
                           {.name = "no_owner",
                            .type = FieldType::boolean,
                            .doc = "Owners are recorded beside the dump instead.",
                            .example = "true",
                            .default_value = "true",
                            .choices = {{"true"}}},
                           {.name = "no_privileges",
                            .type = FieldType::boolean,
                            .doc = "Grants are recorded beside the dump instead.",
                            .example = "true",
                            .default_value = "true",
                            .choices = {{"true"}}}}};
  return {.name = "dumps",
          .type = FieldType::tiers,
          .doc =
              "Logical dumps, named <database>_<YYYY-MM-DD>.dump by the slot's date in the "
              "policy's time zone: "
              "portable archives that any Postgres restores.",
          .fields = tier_fields(
              {at_field(true)},
              {{.name = "store",
                .type = FieldType::place,
                .doc = "A folder or bucket for the dumps of this tier alone, apart from the "
                       "repository.",
                .example = "file:///var/backups/seawall/dumps",
                .required = true},
               std::move(options),
               {.name = "roles_with_passwords",
                .type = FieldType::boolean,
                .doc = "Whether the roles recorded beside a dump keep their password hashes.",
                .example = "false",
                .default_value = "false"},
               dump_encryption_field(),
               lock_field("Object lock: nobody deletes a dump before its time, whatever credential "
                          "is stolen. The bucket must have been made with it.",
                          "Less than `retain`, as what is locked cannot expire."),
               replica_field()}),
          .most = name_letters_max,
          .dashes = true};
}

Field layers_field() {
  std::vector<Field> when{at_field(false),
                          {.name = "every",
                           .type = FieldType::every,
                           .doc = "In place of `at`: the interval, from 1m to 1d, in whole "
                                  "multiples since 1970-01-01 00:00 UTC.",
                           .example = "6h"}};
  return {
      .name = "layers",
      .doc = "The lines of the strategy. A layer that is left out is not carried out.",
      .required = true,
      .fields = {
          pitr_field(),
          {.name = "snapshots",
           .type = FieldType::tiers,
           .doc = "Copies of the whole cluster, each restorable by itself. A snapshot that serves "
                  "two tiers is taken "
                  "once and kept by the longer.",
           .fields = tier_fields(std::move(when), {}),
           .most = name_letters_max,
           .dashes = true},
          dumps_field(),
          not_carried("files", "Uploaded files in S3: versioning, replication, retention by tag."),
          not_carried("configuration", "Git mirrors, rotation of secrets, templates.")}};
}

Field build_schema() {
  return {
      .name = "policy",
      .doc = "What must be true of the backups of one database, read by seawall.",
      .fields = {
          {.name = "version",
           .type = FieldType::integer,
           .doc = "The version of this file's form.",
           .example = "1",
           .required = true,
           .least = 1,
           .most = 1},
          {.name = "name",
           .type = FieldType::identifier,
           .doc = "What this policy is called, in reports and in the repository.",
           .example = "app",
           .required = true,
           .most = name_letters_max,
           .dashes = true},
          {.name = "timezone",
           .type = FieldType::zone,
           .doc = "The IANA time zone of every time of day below, and of the dates in names.",
           .example = "Asia/Singapore",
           .required = true},
          database_field(),
          s3_field(),
          repository_field(),
          layers_field(),
          {.name = "exclude",
           .doc = "What is deliberately not backed up.",
           .fields = {{.name = "rows_of",
                       .type = FieldType::patterns,
                       .doc = "Tables whose definitions are kept and whose rows are not: left out "
                              "of dumps, emptied in a restored "
                              "cluster before it is handed over. * stands for any letters.",
                       .example = "[app.sessions, \"queue.job*\"]"},
                      notes_field("notes", "What else is left out on purpose, for the reader.",
                                  "[{ what: a cache, why: it rebuilds on the fly }]")}},
          {.name = "objectives",
           .doc = "What restores are measured against.",
           .fields = {{.name = "rto",
                       .type = FieldType::duration,
                       .doc = "The longest that a restore may take.",
                       .example = "15m"},
                      {.name = "rpo",
                       .type = FieldType::duration,
                       .doc = "The longest stretch of writes that may be lost.",
                       .example = "1m"}}},
          limits_field(),
          run_field(),
          monitor_field(),
          drill_field(),
          notes_field("uncovered",
                      "What the strategy asks for and this policy does not carry yet. `seawall "
                      "status` repeats it.",
                      "[{ what: uploads in S3, why: another tool carries them }]")}};
}

std::string either_of(const std::vector<Choice>& choices) {
  std::vector<std::string> values;
  for (const Choice& choice : choices) {
    if (choice.carried) values.push_back(choice.value);
  }
  return fmt::format("{}", fmt::join(values, " or "));
}

}  // namespace

const Field* Field::find(std::string_view wanted) const {
  for (const Field& field : fields) {
    if (field.name == wanted) return &field;
  }
  return nullptr;
}

const Field& schema() {
  static const Field whole = build_schema();
  return whole;
}

std::string allowed(const Field& field) {
  switch (field.type) {
    case FieldType::section:
      return allowed_keys(field);
    case FieldType::tiers:
      return "names of tiers, each with keys of its own";
    case FieldType::sections:
      return fmt::format("a list of entries with the {}", allowed_keys(field));
    case FieldType::patterns:
      return "a list of table patterns such as [public.sessions]";
    case FieldType::text:
      return "a text";
    case FieldType::identifier:
      return allowed_letters(field);
    case FieldType::integer:
      return field.least == field.most
                 ? fmt::format("the number {}", field.least)
                 : fmt::format("a whole number from {} to {}", field.least, field.most);
    case FieldType::boolean:
      return field.choices.empty() ? "true or false" : either_of(field.choices);
    case FieldType::choice:
      return either_of(field.choices);
    case FieldType::duration:
      return fmt::format("a duration such as {}", field.example);
    case FieldType::at:
      return "a time such as \"03:00\" or \"Sun 03:00\"";
    case FieldType::every:
      return "an interval from 1m to 1d, such as 15m";
    case FieldType::zone:
      return "an IANA time zone such as Asia/Singapore";
    case FieldType::place:
      return "a place such as file:///var/backups/app or s3://bucket/prefix";
    case FieldType::endpoint:
      return "https://host or http://host:port";
    case FieldType::key:
      return "env:NAME, file:/path, aws-kms:KEY or vault:MOUNT/KEY";
    case FieldType::keys:
      return "a list of keys such as [env:BACKUP_KMS_KEY_ID]";
    case FieldType::connection:
      return "postgresql://..., env:NAME or file:/path";
    case FieldType::path:
      return "an absolute path";
    case FieldType::texts:
      return fmt::format("a list such as {}", field.example);
    case FieldType::secret:
      return "env:NAME or file:/path";
    case FieldType::listen:
      return "an address and a port, such as 127.0.0.1:9187";
    case FieldType::size:
      return "a size such as 100MB or 1GiB";
  }
  return "";
}

std::string allowed_keys(const Field& field) {
  return fmt::format("keys: {}", fmt::join(carried_names(field.fields), ", "));
}

std::string allowed_letters(const Field& field) {
  return fmt::format("1 to {} of the letters a-z, 0-9{}", field.most,
                     field.dashes ? ", _ and -" : " and _");
}

std::string identifier_pattern(const Field& field) {
  return fmt::format("^[a-z0-9_{}]{{1,{}}}$", field.dashes ? "-" : "", field.most);
}

bool is_identifier(const Field& field, std::string_view text) {
  const auto fits = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           (field.dashes && c == '-');
  };
  return !text.empty() && text.size() <= static_cast<size_t>(field.most) &&
         std::ranges::all_of(text, fits);
}

std::vector<std::string> carried_names(const std::vector<Field>& fields) {
  std::vector<std::string> names;
  for (const Field& field : fields) {
    if (field.carried) names.push_back(field.name);
  }
  return names;
}

}  // namespace policy
