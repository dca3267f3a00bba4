#include "net/url.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "testing/errors.h"

namespace net {
namespace {

TEST(Url, is_taken_apart_and_put_together_again) {
  const Url url = Url::parse("http://127.0.0.1:7480/a%20b/c?x=1%2F2&flag&y=");
  EXPECT_FALSE(url.tls);
  EXPECT_EQ(url.host, "127.0.0.1:7480");
  EXPECT_EQ(url.host_name(), "127.0.0.1");
  EXPECT_EQ(url.path, "/a%20b/c");
  EXPECT_EQ(url.query.size(), 3u);
  EXPECT_EQ(url.query[0].second, "1/2");
  EXPECT_EQ(url.text(), "http://127.0.0.1:7480/a%20b/c?x=1%2F2&flag&y");
  EXPECT_EQ(Url::parse("http://h?&a&&").text(), "http://h/?a");
  EXPECT_EQ(Url::parse("https://[fd00:ec2::254]:8443").host_name(), "fd00:ec2::254");
}

TEST(Url, leaves_the_default_port_out) {
  EXPECT_EQ(Url::parse("https://store.example:443/x").host, "store.example");
  EXPECT_EQ(Url::parse("http://store.example:80").host, "store.example");
  EXPECT_EQ(Url::parse("http://store.example:443").host, "store.example:443");
  EXPECT_EQ(Url::parse("http://store.example").path, "/");
}

TEST(Url, refuses_what_is_none) {
  for (const char* text :
       {"", "store.example", "ftp://store.example", "http://", "http:///x", "http://a b/",
        "http://h:port/", "http://h:1234567/", "http://h/#x", "http://h/?a=%zz", "http://h/\x01",
        "http://[::1", "http://h:/", "http://h/?=x"})
    EXPECT_ERROR(invalid, Url::parse(text)) << text;
}

TEST(Url, shows_no_secret_when_refused) {
  const base::Error failure =
      testing::error_of([] { Url::parse("http://someone:secret@store.example/"); });
  EXPECT_EQ(failure.message().find("secret"), std::string::npos);
  Url url = Url::parse("http://store.example/x?X-Amz-Signature=secret");
  EXPECT_EQ(url.shown(), "http://store.example/x");
}

TEST(PercentEncoding, leaves_only_what_every_server_leaves) {
  EXPECT_EQ(percent_encode("aZ09-_.~"), "aZ09-_.~");
  EXPECT_EQ(percent_encode("a b+c%/*"), "a%20b%2Bc%25%2F%2A");
  EXPECT_EQ(percent_encode("a/b c", true), "a/b%20c");
  EXPECT_EQ(percent_encode("\xC3\xA4"), "%C3%A4");
}

RC_GTEST_PROP(PercentEncoding, is_undone_by_decoding, (const std::string& text)) {
  RC_ASSERT(percent_decode(percent_encode(text)) == text);
}

}  // namespace
}  // namespace net
