#include "app/check_buckets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "testing/errors.h"

namespace app {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Kind = BucketUse::Kind;

constexpr const char* expire = R"(<?xml version="1.0" encoding="UTF-8"?>
<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Rule><ID>old</ID><Status>Enabled</Status><Filter><Prefix/></Filter>
    <Expiration><Days>90</Days></Expiration>
    <NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule>
  <Rule><ID>rest</ID><Prefix></Prefix><Status>Enabled</Status>
    <Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>
    <AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>
</LifecycleConfiguration>)";

template <typename Value>
Answer<Value> known(Value value) {
  return {.value = std::move(value), .unproven = {}};
}

BucketUse use_of(Kind kind, std::string path = {}) {
  return {.kind = kind,
          .subject = "bucket",
          .place = {policy::Place::Kind::s3, "shop-dumps-eu-west-1", std::move(path)},
          .retain = std::chrono::days(90)};
}

Posture good_posture() {
  Posture posture{.is_aws = true};
  posture.region = known<std::string>("eu-west-1");
  posture.versioned = known(true);
  posture.lifecycle = known(parse_lifecycle(expire));
  posture.encryption = known<std::string>("aws:kms k");
  posture.public_blocked = known(true);
  posture.owner = known<std::string>("one");
  posture.facts = known(cloud::StoreFacts{true, true, true});
  return posture;
}

std::vector<CheckItem> wrong(const BucketUse& use, const Posture& posture) {
  std::vector<CheckItem> items = judge_bucket(use, posture);
  std::erase_if(items, [](const CheckItem& item) { return item.result == CheckResult::good; });
  return items;
}

CheckItem only(const BucketUse& use, const Posture& posture) {
  const std::vector<CheckItem> items = wrong(use, posture);
  EXPECT_THAT(items, SizeIs(1));
  return items.empty() ? CheckItem{} : items[0];
}

TEST(CheckBuckets, finds_nothing_where_all_is_as_it_should_be) {
  EXPECT_THAT(wrong(use_of(Kind::dumps), good_posture()), IsEmpty());
  EXPECT_THAT(wrong(use_of(Kind::replica, "a/b"), good_posture()), IsEmpty());
}

TEST(CheckBuckets, finds_a_rule_of_age_on_a_repository_and_one_by_date_too) {
  EXPECT_THAT(only(use_of(Kind::repository), good_posture()).what, HasSubstr("old packs"));
  Posture posture = good_posture();
  (*posture.lifecycle.value)[0].expire_days.reset();
  (*posture.lifecycle.value)[0].expires_by_date = true;
  const std::vector<AgeItem> items = judge_lifecycle(use_of(Kind::repository), posture);
  ASSERT_THAT(items, SizeIs(1));
  EXPECT_TRUE(items[0].destroys);
  (*posture.lifecycle.value)[0].enabled = false;
  EXPECT_THAT(wrong(use_of(Kind::repository), posture), IsEmpty());
}

// Where a put can go over an object, the older version is the object.
TEST(CheckBuckets, finds_a_rule_for_older_versions_where_the_first_version_counts) {
  Posture posture = good_posture();
  posture.facts = known(cloud::StoreFacts{false, false, true});
  (*posture.lifecycle.value)[0].expire_days.reset();
  const std::vector<AgeItem> items = judge_lifecycle(use_of(Kind::repository), posture);
  ASSERT_THAT(items, SizeIs(1));
  EXPECT_TRUE(items[0].destroys);
}

TEST(CheckBuckets, holds_the_rule_of_age_against_the_retention) {
  for (const int days : {89, 91}) {
    Posture posture = good_posture();
    (*posture.lifecycle.value)[0].expire_days = days;
    const std::vector<AgeItem> items = judge_lifecycle(use_of(Kind::dumps), posture);
    ASSERT_THAT(items, SizeIs(1));
    EXPECT_EQ(items[0].item.result, CheckResult::problem);
    EXPECT_EQ(items[0].destroys, days < 90);
    EXPECT_THAT(items[0].item.mend, HasSubstr(R"("Days":90)"));
  }
}

TEST(CheckBuckets, counts_no_rule_that_holds_for_some_objects_only) {
  Posture posture = good_posture();
  (*posture.lifecycle.value)[0].is_filtered = true;
  EXPECT_THAT(only(use_of(Kind::dumps), posture).what, HasSubstr("no rule deletes"));
  posture = good_posture();
  (*posture.lifecycle.value)[0].prefix = "other/";
  EXPECT_THAT(only(use_of(Kind::dumps, "a"), posture).what, HasSubstr("no rule deletes"));
  (*posture.lifecycle.value)[0].prefix = "a/";
  EXPECT_THAT(wrong(use_of(Kind::dumps, "a"), posture), IsEmpty());
}

TEST(CheckBuckets, knows_that_expiry_alone_deletes_no_bytes) {
  Posture posture = good_posture();
  (*posture.lifecycle.value)[0].noncurrent_days.reset();
  EXPECT_THAT(only(use_of(Kind::dumps), posture).what, HasSubstr("delete markers"));
}

TEST(CheckBuckets, reads_what_the_name_says_of_the_region) {
  Posture posture = good_posture();
  posture.region = known<std::string>("eu-west-2");
  EXPECT_EQ(only(use_of(Kind::dumps), posture).result, CheckResult::problem);
  posture.region = known<std::string>("");
  EXPECT_EQ(only(use_of(Kind::dumps), posture).result, CheckResult::warning);
}

TEST(CheckBuckets, says_unproven_of_what_may_not_be_asked) {
  Posture posture = good_posture();
  posture.versioned = {.value = {}, .unproven = "denied"};
  posture.lifecycle = {.value = {}, .unproven = "denied"};
  posture.public_blocked = {.value = {}, .unproven = "denied"};
  for (const CheckItem& item : wrong(use_of(Kind::dumps), posture)) {
    EXPECT_EQ(item.result, CheckResult::warning);
    EXPECT_THAT(item.what, HasSubstr("unproven: denied"));
  }
  EXPECT_THAT(wrong(use_of(Kind::dumps), posture), SizeIs(3));
}

TEST(CheckBuckets, finds_buckets_open_to_the_public_and_without_conditions) {
  Posture posture = good_posture();
  posture.public_blocked = known(false);
  EXPECT_THAT(only(use_of(Kind::dumps), posture).mend, HasSubstr("put-public-access-block"));
  posture = good_posture();
  posture.facts = known(cloud::StoreFacts{false, false, false});
  EXPECT_EQ(only(use_of(Kind::dumps), posture).result, CheckResult::problem);
}

TEST(CheckBuckets, wants_locks_that_end_before_the_dumps_do) {
  Posture posture = good_posture();
  posture.lock = known(parse_bucket_lock(
      "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule>"
      "<DefaultRetention><Mode>COMPLIANCE</Mode><Years>1</Years></DefaultRetention></Rule>"
      "</ObjectLockConfiguration>"));
  EXPECT_THAT(only(use_of(Kind::dumps), posture).what, HasSubstr("365 days"));
  BucketUse use = use_of(Kind::dumps);
  use.lock = policy::Lock{.duration = std::chrono::days(30)};
  EXPECT_THAT(only(use, good_posture()).mend, HasSubstr("put-object-lock-configuration"));
}

TEST(CheckBuckets, reads_rules_of_replication) {
  constexpr const char* rules =
      R"(<ReplicationConfiguration><Role>r</Role><Rule><ID>x</ID><Priority>1</Priority>
      <Status>Enabled</Status><Filter><Prefix></Prefix></Filter>
      <SourceSelectionCriteria><SseKmsEncryptedObjects><Status>Enabled</Status></SseKmsEncryptedObjects></SourceSelectionCriteria>
      <Destination><Bucket>arn:aws:s3:::far</Bucket><EncryptionConfiguration><ReplicaKmsKeyID>k</ReplicaKmsKeyID>
      </EncryptionConfiguration></Destination></Rule></ReplicationConfiguration>)";
  BucketUse use = use_of(Kind::dumps);
  use.kms_key = "k";
  use.replicates_to = "far";
  Posture posture = good_posture();
  EXPECT_THAT(only(use, posture).what, HasSubstr("no rule copies"));
  posture.replication = known(parse_replication(rules));
  EXPECT_THAT(wrong(use, posture), IsEmpty());
  (*posture.replication.value)[0].takes_encrypted = false;
  EXPECT_THAT(only(use, posture).what, HasSubstr("leaves out"));
  use.replicates_to = "elsewhere";
  EXPECT_THAT(only(use, posture).what, HasSubstr("no rule copies"));
}

TEST(CheckBuckets, warns_of_one_account_for_all) {
  const std::pair<BucketUse, Posture> one{use_of(Kind::dumps), good_posture()};
  std::pair<BucketUse, Posture> other{use_of(Kind::replica), good_posture()};
  EXPECT_THAT(judge_accounts({one, other}), SizeIs(1));
  other.second.owner = known<std::string>("another");
  EXPECT_THAT(judge_accounts({one, other}), IsEmpty());
  other.second.owner = {.value = {}, .unproven = "denied"};
  EXPECT_THAT(judge_accounts({one, other}), IsEmpty());
}

TEST(BucketPosture, reads_what_servers_answer) {
  EXPECT_EQ(parse_location("<LocationConstraint>eu-west-1</LocationConstraint>"), "eu-west-1");
  EXPECT_EQ(parse_location("<LocationConstraint/>"), "");
  EXPECT_TRUE(parse_versioning("<V><Status>Enabled</Status></V>"));
  EXPECT_FALSE(parse_versioning("<V><Status>Suspended</Status></V>"));
  EXPECT_FALSE(parse_versioning("<V/>"));
  EXPECT_EQ(parse_owner("<A><Owner><ID>me</ID></Owner></A>"), "me");
  EXPECT_FALSE(parse_public_block("<P><BlockPublicAcls>true</BlockPublicAcls></P>"));
  EXPECT_ERROR(corrupt,
               parse_lifecycle("<L><Rule><Expiration><Days>x</Days></Expiration></Rule></L>"));
  EXPECT_ERROR(corrupt,
               parse_lifecycle("<L><Rule><Expiration><Days>-1</Days></Expiration></Rule></L>"));
  const std::vector<LifecycleRule> tagged = parse_lifecycle(
      "<L><Rule><Filter><And><Prefix>a/</Prefix><Tag><Key>k</Key></Tag></And></Filter></Rule></L>");
  EXPECT_EQ(tagged[0].prefix, "a/");
  EXPECT_TRUE(tagged[0].is_filtered);
}

}  // namespace
}  // namespace app
