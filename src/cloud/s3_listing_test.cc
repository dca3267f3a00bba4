#include "cloud/s3_listing.h"

#include "cloud/http_date.h"
#include "testing/errors.h"

namespace cloud {
namespace {

TEST(S3Listing, decodes_keys_where_the_server_says_that_they_are_encoded) {
  const auto page = [](const std::string& how) {
    return parse_object_list(
        "<ListBucketResult>" + how +
        "<IsTruncated>true</IsTruncated><NextContinuationToken>t+1</NextContinuationToken>"
        "<Contents><Key>a%2Fb+c</Key><LastModified>2026-11-22T12:00:00.250Z</LastModified>"
        "<ETag>&quot;x&quot;</ETag><Size>12</Size></Contents></ListBucketResult>");
  };
  const S3Page encoded = page("<EncodingType>url</EncodingType>");
  EXPECT_EQ(encoded.entries[0].key, "a/b c");
  EXPECT_EQ(encoded.entries[0].size, 12u);
  EXPECT_EQ(encoded.entries[0].etag, "x");
  EXPECT_EQ(encoded.entries[0].modified, base::from_rfc3339("2026-11-22T12:00:00.250Z"));
  EXPECT_FALSE(encoded.is_last);
  EXPECT_EQ(encoded.next, "t+1");
  EXPECT_EQ(page("").entries[0].key, "a%2Fb+c");
}

TEST(S3Listing, keeps_versions_and_delete_markers_in_their_order) {
  const S3Page page = parse_version_list(
      "<ListVersionsResult><IsTruncated>false</IsTruncated>"
      "<DeleteMarker><Key>a</Key><VersionId>3</VersionId>"
      "<LastModified>2026-11-22T12:00:02Z</LastModified></DeleteMarker>"
      "<Version><Key>a</Key><VersionId>2</VersionId><Size>1</Size>"
      "<LastModified>2026-11-22T12:00:01Z</LastModified></Version></ListVersionsResult>");
  ASSERT_EQ(page.entries.size(), 2u);
  EXPECT_TRUE(page.entries[0].is_delete_marker);
  EXPECT_EQ(page.entries[1].version_id, "2");
  EXPECT_TRUE(page.is_last);
}

TEST(S3Listing, refuses_another_answer_than_was_asked_for) {
  for (const char* xml :
       {"<ListVersionsResult/>", "<html/>", "",
        "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><Size>-1</Size>"
        "<LastModified>2026-11-22T12:00:00Z</LastModified></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><Size>1</Size>"
        "<LastModified>yesterday</LastModified></Contents></ListBucketResult>"})
    EXPECT_ERROR(corrupt, parse_object_list(xml)) << xml;
  EXPECT_ERROR(corrupt, parse_upload_id("<InitiateMultipartUploadResult/>"));
}

TEST(HttpDate, is_read_and_nothing_else) {
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"),
            base::from_rfc3339("1994-11-06T08:49:37Z"));
  for (const char* text : {"", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 UTC",
                           "Sun, 36 Nov 1994 08:49:37 GMT", "Sun, 06 Now 1994 08:49:37 GMT"})
    EXPECT_ERROR(corrupt, parse_http_date(text)) << text;
}

}  // namespace
}  // namespace cloud
