#include "cloud/json_client.h"

#include <gmock/gmock.h>

#include "testing/errors.h"
#include "testing/http_server.h"

namespace cloud {
namespace {

using testing::HasSubstr;
using testing::HttpAnswer;

class JsonService : public testing::Test {
 protected:
  JsonService() : server_([this](const testing::HttpRequest&) { return next(); }) {}
  HttpAnswer next() {
    if (answers_.empty()) return {200, "{}"};
    HttpAnswer answer = answers_.front();
    answers_.erase(answers_.begin());
    return answer;
  }
  JsonAnswer call() {
    JsonClient client(
        net::Url::parse(server_.url()), "TrentService",
        SignedClient({"eu-central-1", "kms"}, fixed_credentials({"AK", "SK", "", std::nullopt}),
                     std::make_shared<net::HttpClient>(net::HttpClient::Options())),
        {.first_pause = std::chrono::milliseconds(1), .attempts_max = 3});
    return client.call("Decrypt", {{"KeyId", "k"}}, {});
  }
  std::vector<HttpAnswer> answers_;
  testing::HttpServer server_;
};

TEST_F(JsonService, is_asked_as_it_wants_to_be) {
  answers_ = {{200, R"({"Plaintext":"cA=="})"}};
  EXPECT_EQ((*call().reply)["Plaintext"], "cA==");
  const testing::HttpRequest request = server_.requests()[0];
  EXPECT_EQ(request.header("x-amz-target"), "TrentService.Decrypt");
  EXPECT_EQ(request.header("content-type"), "application/x-amz-json-1.1");
  EXPECT_THAT(request.header("authorization"), HasSubstr("/eu-central-1/kms/aws4_request"));
  EXPECT_EQ(request.body, R"({"KeyId":"k"})");
}

TEST_F(JsonService, gives_refusals_as_values) {
  answers_ = {{400,
               R"({"__type":"com.example#DisabledException","Message":"off"})",
               {{"x-amzn-requestid", "r"}}}};
  const JsonAnswer answer = call();
  EXPECT_FALSE(answer.reply);
  EXPECT_EQ(answer.refusal.code, "DisabledException");
  EXPECT_EQ(answer.refusal.message, "off");
  EXPECT_EQ(answer.refusal.request_id, "r");
}

TEST_F(JsonService, is_asked_again_while_that_may_help) {
  answers_ = {{500, "oops"}, {400, R"({"__type":"ThrottlingException"})"}, {200, "{}"}};
  EXPECT_TRUE(call().reply);
  answers_ = std::vector<HttpAnswer>(4, HttpAnswer{503, ""});
  EXPECT_ERROR(unavailable, call());
  EXPECT_EQ(answers_.size(), 1u);
}

TEST_F(JsonService, is_not_repeated_where_it_cannot_be_understood) {
  answers_ = {{200, "secret"}};
  const base::Error failure = testing::error_of([&] { call(); });
  EXPECT_EQ(failure.kind(), base::ErrorKind::corrupt);
  EXPECT_EQ(failure.message().find("secret"), std::string::npos);
}

}  // namespace
}  // namespace cloud
