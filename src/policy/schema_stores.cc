#include "policy/schema_stores.h"

namespace policy {

namespace {

Field key_field(std::string doc, bool required) {
  return {.name = "key",
          .type = FieldType::key,
          .doc = std::move(doc),
          .example = "env:BACKUP_KMS_KEY_ID",
          .required = required};
}

std::vector<Field> encryption_fields(std::vector<Field> more) {
  std::vector<Field> fields = std::move(more);
  fields.push_back(
      key_field("The customer-managed key: AWS KMS (a key id, an ARN or an alias, as AWS writes "
                "them), a Vault Transit key, a local key file that `seawall key create` makes, or "
                "the variable that holds one of these.",
                true));
  fields.push_back({.name = "also",
                    .type = FieldType::keys,
                    .doc = "Each of these opens every new object as well: the key of another "
                           "region, a key for the worst case.",
                    .example = "[file:/etc/seawall/recovery.key]"});
  fields.push_back({.name = "retired",
                    .type = FieldType::keys,
                    .doc = "Keys of before: what they sealed is still opened, nothing new is "
                           "sealed by them.",
                    .example = "[alias/backup-2025]"});
  return fields;
}

// How a bucket is reached, where the usual AWS settings do not say it.
std::vector<Field> reach_fields() {
  return {{.name = "endpoint",
           .type = FieldType::endpoint,
           .doc = "The S3 service, where it is not AWS. Without it AWS_ENDPOINT_URL_S3, the "
                  "profile, and AWS.",
           .example = "https://s3.example.net"},
          {.name = "region",
           .type = FieldType::identifier,
           .doc = "The region of the bucket. Without it the one that its name ends with, "
                  "AWS_REGION, the profile.",
           .example = "ap-southeast-1",
           .most = 40,
           .dashes = true},
          {.name = "profile",
           .type = FieldType::text,
           .doc = "The profile of ~/.aws/config and ~/.aws/credentials to take. Without it "
                  "AWS_PROFILE, and the usual chain: environment, profile, web identity, "
                  "container, instance.",
           .example = "backup-writer"}};
}

}  // namespace

Field s3_field() {
  std::vector<Field> fields = reach_fields();
  fields.push_back({.name = "addressing",
                    .type = FieldType::choice,
                    .doc = "Whether the bucket stands in the host's name (virtual) or in the path. "
                           "auto: path where an endpoint is given.",
                    .example = "auto",
                    .default_value = "auto",
                    .choices = {{"auto"}, {"path"}, {"virtual"}}});
  fields.push_back({.name = "ca_file",
                    .type = FieldType::path,
                    .doc = "Certificates to trust in place of the system's.",
                    .example = "/etc/ssl/private-ca.pem"});
  fields.push_back({.name = "parts_max",
                    .type = FieldType::integer,
                    .doc = "The most parts that the service takes in one upload.",
                    .example = "10000",
                    .default_value = "10000",
                    .least = 100,
                    .most = 10000});
  fields.push_back({.name = "deadline",
                    .type = FieldType::duration,
                    .doc = "How long a call is tried again that the service does not answer, or "
                           "answers with what may pass. From 1s to 1h; `wal push` never takes "
                           "more than 1m, as PostgreSQL asks again by itself.",
                    .example = "5m",
                    .default_value = "5m"});
  return {.name = "s3",
          .doc = "How buckets are reached. AWS with its usual environment needs none of it.",
          .fields = std::move(fields)};
}

Field repository_field() {
  return {.name = "repository",
          .doc = "Where snapshots, WAL and the records of all runs are kept.",
          .required = true,
          .fields = {{.name = "store",
                      .type = FieldType::place,
                      .doc = "A folder on other disks than the database, or a bucket; of its own.",
                      .example = "file:///var/backups/seawall/repository",
                      .required = true},
                     {.name = "compress_level",
                      .type = FieldType::integer,
                      .doc = "zstd's level for snapshots.",
                      .example = "2",
                      .default_value = "2",
                      .least = 1,
                      .most = 19},
                     {.name = "encryption",
                      .doc = "Every object is sealed on this host, as the AWS Encryption SDK "
                             "does, before it is stored. It is decided when the repository is "
                             "made.",
                      .fields = encryption_fields(
                          {{.name = "index_cache",
                            .type = FieldType::path,
                            .doc = "For a host whose credential may seal and not open: a folder of "
                                   "its own for copies of what the next snapshot compares with. "
                                   "What needs reading back is left to others.",
                            .example = "/var/lib/seawall/index"}})},
                     lock_field("Object lock: nobody deletes an object before its time, whatever "
                                "credential is stolen. The bucket must have been made with it. A "
                                "snapshot shares blocks only with packs that stay locked for as "
                                "long as it is kept; the others' are stored again.",
                                "Longer than every snapshot's `retain`; twice as long stores "
                                "everything again once in that time. WAL stays as long.")}};
}

Field dump_encryption_field() {
  return {.name = "encryption",
          .doc = "Encryption of the dumps with a customer-managed key.",
          .fields = encryption_fields(
              {{.name = "mode",
                .type = FieldType::choice,
                .doc = "client: sealed on this host, as the AWS Encryption SDK does. sse-kms: the "
                       "service encrypts with the AWS KMS key, and the object stays a plain "
                       "archive to whoever may use it.",
                .example = "sse-kms",
                .default_value = "client",
                .choices = {{"client"}, {"sse-kms"}}}})};
}

Field lock_field(std::string doc, std::string of_duration) {
  return {.name = "lock",
          .doc = std::move(doc),
          .fields = {{.name = "mode",
                      .type = FieldType::choice,
                      .doc = "compliance: not even the account's owner; governance: who has the "
                             "right to bypass it may.",
                      .example = "governance",
                      .required = true,
                      .choices = {{"governance"}, {"compliance"}}},
                     {.name = "for",
                      .type = FieldType::duration,
                      .doc = "How long, counted from when it is stored. " + of_duration,
                      .example = "30d",
                      .required = true}}};
}

Field replica_field() {
  std::vector<Field> fields{
      {.name = "store",
       .type = FieldType::place,
       .doc = "A place in another region.",
       .example = "s3://breezycorp-backups-ap-northeast-1",
       .required = true},
      key_field("The key of the replica's own region: with it the copy opens when the first "
                "region is gone, its key service included.",
                false),
      {.name = "by",
       .type = FieldType::choice,
       .doc =
           "Who copies: seawall, when the dump is stored, or the service by its own replication. "
           "In both cases the copy is verified.",
       .example = "store",
       .default_value = "seawall",
       .choices = {{"seawall"}, {"store"}}},
      {.name = "within",
       .type = FieldType::duration,
       .doc = "A copy that is not there this long after its dump is a finding.",
       .example = "1h",
       .default_value = "1h"}};
  for (Field& field : reach_fields()) fields.push_back(std::move(field));
  return {.name = "replica",
          .doc = "A copy of each dump in another region.",
          .fields = std::move(fields)};
}

}  // namespace policy
