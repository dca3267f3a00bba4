#include "policy/place.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "policy/testing.h"

namespace policy {
namespace {

TEST(Place, is_normalised) {
  EXPECT_EQ(parse_place("file:///backup//a/./b/").url(), "file:///backup/a/b");
  EXPECT_EQ(parse_place("s3://bucket-1/").url(), "s3://bucket-1");
  EXPECT_EQ(parse_place("s3://bucket-1/a//b/").url(), "s3://bucket-1/a/b");
  EXPECT_EQ(parse_place("file:///a b").path, "/a b");
}

TEST(Place, refuses_what_is_no_place) {
  for (const char* text :
       {"", "/backup", "backup", "file:/backup", "file://backup", "file:///a/../b", "http://a/b",
        "s3://", "s3:///a", "s3://Bucket/a", "file:///a\nb"}) {
    EXPECT_EQ(error_of([&] { (void)parse_place(text); }).kind(), base::ErrorKind::invalid) << text;
  }
  EXPECT_EQ(error_of([] { (void)parse_place("/backup"); }).hint(),
            "did you mean 'file:///backup'?");
}

TEST(Place, of_a_store_is_no_whole_file_system) {
  EXPECT_EQ(error_of([] { (void)parse_store("file:///"); }).kind(), base::ErrorKind::invalid);
  EXPECT_EQ(parse_store("file:///backup").path, "/backup");
  EXPECT_EQ(parse_store("s3://breezycorp-backups-ap-southeast-1").path, "/");
}

TEST(Place, overlaps_with_what_is_inside_it) {
  const auto over = [](const char* one, const char* other) {
    return overlap(parse_place(one), parse_place(other));
  };
  EXPECT_TRUE(over("file:///a", "file:///a/"));
  EXPECT_TRUE(over("file:///a", "file:///a/b"));
  EXPECT_TRUE(over("file:///a/b", "file:///a"));
  EXPECT_TRUE(over("file:///", "file:///a"));
  EXPECT_FALSE(over("file:///a", "file:///ab"));
  EXPECT_FALSE(over("file:///a/b", "file:///a/c"));
  EXPECT_TRUE(over("s3://bucket", "s3://bucket/a"));
  EXPECT_FALSE(over("s3://bucket", "s3://bucket-2"));
  EXPECT_FALSE(over("s3://bucket/a", "file:///a"));
}

TEST(Place, names_its_region_at_the_end_of_its_bucket) {
  const auto region = [](const char* url) { return region_in_name(parse_place(url)); };
  EXPECT_EQ(region("s3://breezycorp-backups-ap-southeast-1"), "ap-southeast-1");
  EXPECT_EQ(region("s3://breezycorp-backups-us-gov-west-1/x"), "us-gov-west-1");
  EXPECT_EQ(region("s3://eu-central-2"), "eu-central-2");
  EXPECT_EQ(region("s3://backups-ap-southeast-1-old"), std::nullopt);
  EXPECT_EQ(region("s3://backups-2"), std::nullopt);
  EXPECT_EQ(region("s3://menu-east-1"), std::nullopt);
  EXPECT_EQ(region("file:///backups-ap-southeast-1"), std::nullopt);
}

TEST(Place, of_a_replica_is_in_another_region) {
  const auto source = parse_place("s3://breezycorp-backups-ap-southeast-1");
  require_apart(source, parse_place("s3://breezycorp-backups-ap-northeast-1"));
  require_apart(source, parse_place("s3://copies"));
  const base::Error same_region =
      error_of([&] { require_apart(source, parse_place("s3://copies-ap-southeast-1")); });
  EXPECT_NE(same_region.message().find("in the region of its source, ap-southeast-1"),
            std::string::npos);
  EXPECT_EQ(error_of([&] { require_apart(source, parse_place(source.url() + "/copy")); }).kind(),
            base::ErrorKind::invalid);
}

RC_GTEST_PROP(Place, overlap_is_symmetric_and_means_one_path_begins_the_other, ()) {
  const auto any_path =
      rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>("a", "b", "ab"));
  const auto one = *any_path;
  const auto other = *any_path;
  const auto place = [](const std::vector<std::string>& parts) {
    std::string url = "file:///";
    for (const std::string& part : parts) url += part + "/";
    return parse_place(url);
  };
  const size_t shared = std::min(one.size(), other.size());
  const bool wanted =
      std::equal(one.begin(), one.begin() + static_cast<long>(shared), other.begin());
  RC_ASSERT(overlap(place(one), place(other)) == wanted);
  RC_ASSERT(overlap(place(other), place(one)) == wanted);
}

}  // namespace
}  // namespace policy
