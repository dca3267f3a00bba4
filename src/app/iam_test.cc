#include "app/iam.h"

#include "base/json.h"
#include "testing/errors.h"

namespace app {
namespace {

constexpr const char* key =
    "arn:aws:kms:ap-southeast-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

policy::Policy policy_of(const std::string& dumps, const std::string& encryption) {
  return policy::parse(
      "version: 1\nname: app\ntimezone: UTC\n"
      "database: { url: postgresql:///app }\n"
      "repository:\n  store: s3://app-repository-ap-southeast-1\n" +
          encryption + "layers:\n  snapshots: { nightly: { at: \"03:00\", retain: 30d } }\n" +
          dumps,
      "f");
}

std::string sealed(const char* with = key) {
  return fmt::format("  encryption: {{ key: \"{}\" }}\n", with);
}

const std::string replicated = fmt::format(
    "  dumps:\n    nightly:\n      at: \"03:30\"\n      retain: 90d\n"
    "      store: s3://app-backups-ap-southeast-1\n      encryption: {{ key: \"{0}\" }}\n"
    "      lock: {{ mode: compliance, for: 30d }}\n"
    "      replica: {{ store: s3://app-backups-ap-northeast-1, key: \"arn:aws:kms:ap-northeast-1:"
    "111122223333:key/ffffabcd-12ab-34cd-56ef-1234567890ab\" }}\n",
    key);

const IamOptions account{.account = "111122223333", .partition = "aws"};

TEST(IamDocument, is_whole_for_a_policy_that_has_it_all) {
  const policy::Policy policy = policy_of(replicated, sealed());
  for (const auto& [name, text] : iam_templates()) {
    if (name == "encryption") continue;  // by its bucket
    const std::string document = iam_document(policy, account, name);
    EXPECT_EQ(document.find("${"), std::string::npos) << name;
    EXPECT_NO_THROW(base::parse_json(document, name)) << name;
  }
  EXPECT_NE(iam_document(policy, account, "bucket_replica").find("app-backups-ap-northeast-1"),
            std::string::npos);
  EXPECT_NE(iam_document(policy, account, "lifecycle_dumps").find("90"), std::string::npos);
  EXPECT_NE(iam_document(policy, account, "object_lock").find("COMPLIANCE"), std::string::npos);
}

TEST(IamDocument, of_a_role_says_nothing_of_what_there_is_not) {
  const std::string writer = iam_document(policy_of("", sealed()), account, "writer");
  EXPECT_NE(writer.find("app-repository-ap-southeast-1"), std::string::npos);
  EXPECT_EQ(writer.find("backups"), std::string::npos);
  EXPECT_EQ(writer.find("kms:Encrypt\""), std::string::npos);
  EXPECT_NE(writer.find("kms:GenerateDataKey"), std::string::npos);
  const std::string in_clear = iam_document(policy_of("", ""), account, "writer");
  EXPECT_EQ(in_clear.find("kms:"), std::string::npos) << in_clear;
}

TEST(IamDocument, never_lets_the_writer_take_away) {
  const std::string writer = iam_document(policy_of(replicated, sealed()), account, "writer");
  for (const char* right : {"s3:DeleteObject", "s3:PutBucket", "s3:PutLifecycle", "kms:*", "s3:*"})
    EXPECT_EQ(writer.find(right), std::string::npos) << right;
}

TEST(IamDocument, asks_for_what_the_policy_does_not_tell) {
  const policy::Policy by_alias = policy_of("", sealed("alias/backup"));
  EXPECT_EQ(
      testing::error_of([&] { iam_document(by_alias, account, "writer"); }).hint().substr(0, 5),
      "--key");
  IamOptions told = account;
  told.key = key;
  EXPECT_NO_THROW(iam_document(by_alias, told, "writer"));
  EXPECT_ERROR(invalid, iam_document(by_alias, told, "nobody"));
  EXPECT_EQ(testing::error_of([&] {
              iam_document(policy_of(replicated, sealed()), {.partition = "aws"}, "bucket_dumps");
            }).kind(),
            base::ErrorKind::invalid);
}

TEST(PostgresRights, are_what_check_asks_for) {
  const std::string sql = postgres_rights(policy_of(replicated, sealed()), "my app", 15);
  EXPECT_NE(sql.find("GRANT CONNECT ON DATABASE \"my app\" TO seawall;"), std::string::npos) << sql;
  EXPECT_NE(sql.find("pg_backup_start(text, boolean)"), std::string::npos);
  EXPECT_NE(postgres_rights(policy_of("", ""), "a", 14).find("pg_start_backup"), std::string::npos);
  EXPECT_EQ(sql.find(" SUPERUSER"), std::string::npos);
}

}  // namespace
}  // namespace app
