#include "policy/key_source.h"

#include <gtest/gtest.h>

#include "policy/testing.h"

namespace policy {
namespace {

using Kind = KeySource::Kind;

TEST(KeySource, is_where_the_key_is) {
  EXPECT_EQ(parse_key("env:BACKUP_KMS_KEY_ID"),
            (KeySource{Kind::environment, "BACKUP_KMS_KEY_ID"}));
  EXPECT_EQ(parse_key("file:/etc/seawall/a.key"), (KeySource{Kind::file, "/etc/seawall/a.key"}));
  EXPECT_EQ(parse_key("vault:transit/backup"), (KeySource{Kind::transit, "transit/backup"}));
  EXPECT_EQ(parse_key("vault:teams/a/transit/backup").value, "teams/a/transit/backup");
}

TEST(KeySource, of_aws_needs_no_scheme) {
  for (const char* key :
       {"alias/backup", "1234abcd-12ab-34cd-56ef-1234567890ab",
        "mrk-1234abcd12ab34cd56ef1234567890ab",
        "arn:aws:kms:ap-southeast-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/backup"}) {
    EXPECT_EQ(parse_key(key), (KeySource{Kind::aws_kms, key})) << key;
    EXPECT_EQ(parse_key(std::string("aws-kms:") + key), parse_key(key)) << key;
  }
}

TEST(KeySource, that_is_none_is_refused) {
  for (const char* text :
       {"", "backup", "alias/", "env:", "env:9", "file:relative", "vault:", "vault:key",
        "vault:/key", "vault:mount/", "aws-kms:", "aws-kms:backup",
        "1234abcd-12ab-34cd-56ef-1234567890aG", "arn:aws:s3:::bucket", "alias/a b", "alias/a\nb"}) {
    EXPECT_EQ(error_of([&] { (void)parse_key(text); }).kind(), base::ErrorKind::invalid) << text;
  }
}

TEST(KeySource, prints_what_it_reads) {
  for (const char* text : {"env:A", "file:/a", "aws-kms:alias/a", "vault:transit/a"}) {
    EXPECT_EQ(print_key(parse_key(text)), text);
  }
}

}  // namespace
}  // namespace policy
