// What KMS might answer and the emulator never does; key_services_test.py has the rest.
#include "cloud/kms_key_wrapper.h"

#include "cloud/hashes.h"
#include "testing/errors.h"
#include "testing/http_server.h"

namespace cloud {
namespace {

using crypto::EncryptedDataKey;
using testing::HttpAnswer;
using testing::HttpRequest;

constexpr std::string_view arn = "arn:aws:kms:eu-central-1:111122223333:key/1234";
const crypto::EncryptionContext context = {{"class", "data"}};

class KmsKeyWrapperTest : public testing::Test {
 protected:
  std::unique_ptr<KmsKeyWrapper> wrapper(const std::string& key) {
    const Settings settings = Settings::load(
        [&](const std::string& name) -> std::optional<std::string> {
          if (name == "AWS_ENDPOINT_URL_KMS") return server_.url();
          if (name == "AWS_REGION") return "eu-central-1";
          return std::nullopt;
        },
        std::nullopt);
    return make_kms_key_wrapper(
        key, settings,
        fixed_credentials(
            {.access_key = "A", .secret_key = "S", .session_token = {}, .expires = std::nullopt}),
        std::make_shared<net::HttpClient>(net::HttpClient::Options{}),
        {.deadline = std::chrono::milliseconds(300), .first_pause = std::chrono::milliseconds(10)});
  }
  static base::Json wrapped(std::string_view key) {
    return {{"KeyId", key},
            {"CiphertextBlob", to_base64(base::as_bytes("blob"))},
            {"Plaintext", to_base64(base::Bytes(32, std::byte{1}))}};
  }
  static EncryptedDataKey entry(std::string_view key) {
    return {.provider = "aws-kms", .info = base::to_bytes(key), .ciphertext = base::to_bytes("b")};
  }
  void refuse(int status, const std::string& code) {
    answer_.status = status;
    answer_.body =
        base::Json{{"__type", "com.amazonaws.kms#" + code}, {"message", "in KMS's words"}}.dump();
  }

  HttpAnswer answer_;
  testing::HttpServer server_{[this](const HttpRequest&) { return answer_; }};
};

TEST_F(KmsKeyWrapperTest, asks_as_kms_wants_it_and_keeps_the_arn) {
  answer_.body = wrapped(arn).dump();
  const crypto::DataKey key = wrapper("alias/backup")->generate(context, {});
  EXPECT_TRUE(crypto::same_secret(key.plain.bytes(), base::Bytes(32, std::byte{1})));
  ASSERT_EQ(key.wrapped.size(), 1u);
  EXPECT_EQ(key.wrapped[0].provider, "aws-kms");
  EXPECT_EQ(base::as_text(key.wrapped[0].info), arn);
  EXPECT_EQ(base::as_text(key.wrapped[0].ciphertext), "blob");
  const HttpRequest request = server_.requests().at(0);
  EXPECT_EQ(request.header("x-amz-target"), "TrentService.GenerateDataKey");
  EXPECT_EQ(base::Json::parse(request.body),
            (base::Json{{"KeyId", "alias/backup"},
                        {"NumberOfBytes", 32},
                        {"EncryptionContext", {{"class", "data"}}}}));
}

TEST_F(KmsKeyWrapperTest, asks_only_for_keys_of_its_own_account_and_region) {
  answer_.body = wrapped(arn).dump();
  const auto kms = wrapper(std::string(arn));
  const std::vector<EncryptedDataKey> strangers = {
      entry("arn:aws:kms:eu-central-1:999999999999:key/1234"),
      entry("arn:aws:kms:eu-west-1:111122223333:key/1234"),
      entry("arn:aws-cn:kms:eu-central-1:111122223333:key/1234"),
      entry("arn:aws:kms:eu-central-1:111122223333:alias/backup"),
      entry("arn:aws:kms:eu-central-1"),
      entry(""),
      {.provider = "seawall", .info = base::to_bytes(arn), .ciphertext = {}}};
  EXPECT_EQ(kms->unwrap(strangers, context, {}), std::nullopt);
  EXPECT_TRUE(server_.requests().empty());
  EXPECT_TRUE(kms->unwrap(std::vector{entry(arn)}, context, {}).has_value());
}

TEST_F(KmsKeyWrapperTest, opens_by_the_replica_of_a_multi_region_key) {
  answer_.body = wrapped("arn:aws:kms:eu-central-1:111122223333:key/mrk-1").dump();
  const auto kms = wrapper(std::string(arn));
  EXPECT_TRUE(
      kms->unwrap(std::vector{entry("arn:aws:kms:us-east-1:111122223333:key/mrk-1")}, context, {})
          .has_value());
  EXPECT_EQ(base::Json::parse(server_.requests().at(0).body).at("KeyId"),
            "arn:aws:kms:eu-central-1:111122223333:key/mrk-1");
}

TEST_F(KmsKeyWrapperTest, trusts_no_answer_that_is_not_as_it_should_be) {
  const auto kms = wrapper(std::string(arn));
  const std::vector<EncryptedDataKey> ours = {entry(arn)};
  answer_.body = wrapped("arn:aws:kms:eu-central-1:111122223333:key/another").dump();
  EXPECT_ERROR(corrupt, kms->unwrap(ours, context, {}));
  for (const char* member : {"KeyId", "Plaintext", "CiphertextBlob"}) {
    for (const base::Json& value : {base::Json(), base::Json("%"), base::Json("AAAA")}) {
      base::Json reply = wrapped(arn);
      reply[member] = value;
      if (member == std::string("CiphertextBlob") && value == "AAAA") continue;
      answer_.body = reply.dump();
      EXPECT_ERROR(corrupt, kms->generate(context, {})) << answer_.body;
    }
  }
  answer_.body = "not JSON";
  EXPECT_ERROR(corrupt, kms->generate(context, {}));
}

TEST_F(KmsKeyWrapperTest, has_one_kind_for_each_refusal) {
  using base::ErrorKind;
  const auto kms = wrapper(std::string(arn));
  for (const auto& [code, kind] :
       std::map<std::string, ErrorKind>{{"AccessDeniedException", ErrorKind::denied},
                                        {"DisabledException", ErrorKind::denied},
                                        {"KMSInvalidStateException", ErrorKind::denied},
                                        {"NotFoundException", ErrorKind::denied},
                                        {"InvalidCiphertextException", ErrorKind::corrupt},
                                        {"IncorrectKeyException", ErrorKind::corrupt},
                                        {"InvalidKeyUsageException", ErrorKind::invalid},
                                        {"ValidationException", ErrorKind::invalid},
                                        {"ThrottlingException", ErrorKind::unavailable},
                                        {"KMSInternalException", ErrorKind::unavailable},
                                        {"DependencyTimeoutException", ErrorKind::unavailable}}) {
    refuse(400, code);
    const base::Error failure =
        testing::error_of([&] { kms->unwrap(std::vector{entry(arn)}, context, {}); });
    EXPECT_EQ(failure.kind(), kind) << code << ": " << failure.message();
    EXPECT_NE(failure.message().find("in KMS's words"), std::string::npos) << failure.message();
  }
}

TEST(KmsArn, is_read_strictly) {
  EXPECT_EQ(KmsArn::parse(arn)->text(), arn);
  for (const char* text : {"", "1234", "alias/x", "arn:aws:kms:eu-central-1:1:", "arn:aws:s3:::b",
                           "arn:aws:kms::1:key/1", "arn:aws:kms:r:1:grant/1"}) {
    EXPECT_FALSE(KmsArn::parse(text)) << text;
  }
}

}  // namespace
}  // namespace cloud
