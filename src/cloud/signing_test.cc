#include "cloud/signing.h"

#include "cloud/hashes.h"
#include "testing/errors.h"

namespace cloud {
namespace {

const Credentials example{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "",
                          std::nullopt};
const SigningScope s3{"us-east-1", "s3"};

base::Instant then() { return base::from_compact("20130524T000000Z"); }

net::Request request_for(const std::string& method, const std::string& url) {
  net::Request request;
  request.method = method;
  request.url = net::Url::parse("https://examplebucket.s3.amazonaws.com" + url);
  return request;
}

std::string authorization(net::Request& request, std::string_view body = {}) {
  sign(request, payload_hash(base::as_bytes(body)), example, s3, then());
  return request.headers.find("authorization").value();
}

std::string expected(const std::string& names, const std::string& signature) {
  return "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
         "SignedHeaders=" +
         names + ", Signature=" + signature;
}

// The four requests below are the examples of AWS's own documentation of Signature Version 4.
TEST(Signing, gives_the_published_signature_of_a_ranged_get) {
  net::Request request = request_for("GET", "/test.txt");
  request.headers = {{"Range", "bytes=0-9"}};
  EXPECT_EQ(authorization(request),
            expected("host;range;x-amz-content-sha256;x-amz-date",
                     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"));
}

TEST(Signing, gives_the_published_signature_of_a_put) {
  net::Request request = request_for("PUT", "/test%24file.text");
  request.headers = {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                     {"x-amz-storage-class", "REDUCED_REDUNDANCY"}};
  EXPECT_EQ(authorization(request, "Welcome to Amazon S3."),
            expected("date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
}

TEST(Signing, gives_the_published_signature_of_a_sub_resource) {
  net::Request request = request_for("GET", "/?lifecycle");
  EXPECT_EQ(authorization(request),
            expected("host;x-amz-content-sha256;x-amz-date",
                     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
}

TEST(Signing, gives_the_published_signature_of_a_listing) {
  net::Request request = request_for("GET", "/?prefix=J&max-keys=2");
  EXPECT_EQ(authorization(request),
            expected("host;x-amz-content-sha256;x-amz-date",
                     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

TEST(Signing, signs_again_as_if_it_were_the_first_time) {
  net::Request once = request_for("GET", "/test.txt");
  const std::string first = authorization(once);
  EXPECT_EQ(authorization(once), first);
}

TEST(Signing, sends_and_signs_the_token_of_a_session) {
  net::Request request = request_for("GET", "/test.txt");
  Credentials session = example;
  session.session_token = "a token";
  sign(request, unsigned_payload, session, s3, then());
  EXPECT_EQ(request.headers.find("X-Amz-Security-Token"), "a token");
  EXPECT_NE(request.headers.find("Authorization")->find("x-amz-security-token"), std::string::npos);
  EXPECT_EQ(request.headers.find("X-Amz-Content-Sha256"), "UNSIGNED-PAYLOAD");
}

TEST(Signing, leaves_out_what_a_proxy_may_change) {
  net::Request request = request_for("GET", "/test.txt");
  const std::string bare = authorization(request);
  request.headers.add("User-Agent", "x");
  request.headers.add("Connection", "close");
  EXPECT_EQ(authorization(request), bare);
}

TEST(Hashes, are_those_of_the_standards) {
  // RFC 4231, test cases 2 and 6; RFC 1321; RFC 4648.
  EXPECT_EQ(base::to_hex(hmac_sha256(base::as_bytes("Jefe"),
                                     base::as_bytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(base::to_hex(hmac_sha256(
                base::Bytes(131, std::byte{0xaa}),
                base::as_bytes("Test Using Larger Than Block-Size Key - Hash Key First"))),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(md5_base64(base::as_bytes("abc")),
            to_base64(base::from_hex("900150983cd24fb0d6963f7d28e17f72")));
  for (const auto& [plain, encoded] : std::vector<std::pair<std::string, std::string>>{
           {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}}) {
    EXPECT_EQ(to_base64(base::as_bytes(plain)), encoded);
    EXPECT_EQ(base::as_text(from_base64(encoded)), plain);
  }
  for (const char* text : {"Zg=", "Zg", "Z===", "Zh==", "Zg==Zg==", "Z g=", "====", "=Zg="})
    EXPECT_ERROR(corrupt, from_base64(text)) << text;
}

}  // namespace
}  // namespace cloud
