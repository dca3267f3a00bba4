// What Vault, or what stands before it, might answer; key_services_test.py has the rest.
#include "cloud/transit_key_wrapper.h"

#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "cloud/hashes.h"
#include "testing/errors.h"
#include "testing/http_server.h"

namespace cloud {
namespace {

using crypto::EncryptedDataKey;
using testing::HttpAnswer;
using testing::HttpRequest;

const crypto::EncryptionContext context = {{"class", "data"}};

class TransitKeyWrapperTest : public testing::Test {
 protected:
  TransitKeyWrapper wrapper(std::string mount = "transit") {
    return {
        {.address = net::Url::parse(server_.url()),
         .vault_namespace = "team/backups",
         .mount = std::move(mount),
         .key = "a key",
         .token = [this] { return token_; }},
        std::make_shared<net::HttpClient>(net::HttpClient::Options{}),
        {.deadline = std::chrono::milliseconds(300), .first_pause = std::chrono::milliseconds(10)}};
  }
  void says(int status, const base::Json& body) {
    answer_.status = status;
    answer_.body = body.dump();
  }
  static std::vector<EncryptedDataKey> entries(std::string_view info, std::string_view text) {
    return {{.provider = std::string(transit_provider),
             .info = base::to_bytes(info),
             .ciphertext = base::to_bytes(text)}};
  }

  std::string token_ = "hvs.secret";
  HttpAnswer answer_;
  testing::HttpServer server_{[this](const HttpRequest&) { return answer_; }};
};

TEST_F(TransitKeyWrapperTest, asks_as_vault_wants_it) {
  says(200, {{"data", {{"ciphertext", "vault:v1:abcd"}}}});
  TransitKeyWrapper vault = wrapper("kv/transit");
  const crypto::DataKey key = vault.generate(context, {});
  ASSERT_EQ(key.wrapped.size(), 1u);
  EXPECT_EQ(base::as_text(key.wrapped[0].info), "kv/transit/a key");
  EXPECT_EQ(base::as_text(key.wrapped[0].ciphertext), "vault:v1:abcd");
  const HttpRequest request = server_.requests().at(0);
  EXPECT_EQ(request.target, "/v1/kv/transit/encrypt/a%20key");
  EXPECT_EQ(request.header("x-vault-token"), "hvs.secret");
  EXPECT_EQ(request.header("x-vault-namespace"), "team/backups");
  const base::Json body = base::Json::parse(request.body);
  EXPECT_EQ(body.at("plaintext"), to_base64(key.plain.bytes()));
  EXPECT_EQ(body.at("associated_data"), to_base64(crypto::serialise(context)));
}

TEST_F(TransitKeyWrapperTest, takes_the_token_anew_for_each_call) {
  says(200, {{"data", {{"ciphertext", "vault:v1:abcd"}}}});
  TransitKeyWrapper vault = wrapper();
  vault.generate(context, {});
  token_ = "hvs.renewed";
  vault.generate(context, {});
  EXPECT_EQ(server_.requests().at(1).header("x-vault-token"), "hvs.renewed");
}

TEST_F(TransitKeyWrapperTest, trusts_no_answer_that_is_not_as_it_should_be) {
  TransitKeyWrapper vault = wrapper();
  for (const base::Json& body :
       {base::Json(), base::Json("x"), base::Json{{"data", nullptr}}, base::Json{{"data", 1}},
        base::Json{{"data", {{"ciphertext", 1}}}}, base::Json{{"data", {{"ciphertext", "abcd"}}}},
        base::Json{{"data", {{"ciphertext", "vault:v1:" + std::string(5000, 'a')}}}}}) {
    says(200, body);
    EXPECT_ERROR(corrupt, vault.generate(context, {})) << body;
  }
  answer_.body = "<html>a proxy's page</html>";
  EXPECT_ERROR(corrupt, vault.generate(context, {}));
  for (const char* plain : {"", "%", "AAAA"}) {
    says(200, {{"data", {{"plaintext", plain}}}});
    EXPECT_ERROR(corrupt, vault.unwrap(entries("transit/a key", "vault:v1:x"), context, {}));
  }
}

TEST_F(TransitKeyWrapperTest, asks_only_for_its_own_key_and_sends_no_odd_bytes) {
  TransitKeyWrapper vault = wrapper();
  EXPECT_EQ(vault.unwrap(entries("transit/other", "vault:v1:x"), context, {}), std::nullopt);
  EXPECT_EQ(vault.unwrap(entries("other/a key", "vault:v1:x"), context, {}), std::nullopt);
  EXPECT_ERROR(corrupt, vault.unwrap(entries("transit/a key", "vault:\xff\n"), context, {}));
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(TransitKeyWrapperTest, has_one_kind_for_each_refusal_and_tells_no_secret) {
  using base::ErrorKind;
  TransitKeyWrapper vault = wrapper();
  for (const auto& [status, sentence, kind] : std::vector<std::tuple<int, std::string, ErrorKind>>{
           {403, "permission denied", ErrorKind::denied},
           {404, "no handler for route", ErrorKind::denied},
           {400, "encryption key not found", ErrorKind::denied},
           {400, "cipher: message authentication failed", ErrorKind::corrupt},
           {400, "something new\x1b[2J", ErrorKind::invalid},
           {429, "rate limit", ErrorKind::unavailable},
           {500, "internal error", ErrorKind::unavailable},
           {503, "Vault is sealed", ErrorKind::unavailable}}) {
    says(status, {{"errors", {sentence}}});
    const base::Error failure = testing::error_of(
        [&] { vault.unwrap(entries("transit/a key", "vault:v1:x"), context, {}); });
    EXPECT_EQ(failure.kind(), kind) << failure.message();
    EXPECT_EQ(failure.message().find('\x1b'), std::string::npos);
    EXPECT_EQ(failure.message().find("hvs."), std::string::npos);
  }
}

TEST(VaultToken, is_the_first_word_and_kept_from_others) {
  const base::TemporaryFolder folder;
  const base::Path path = folder.path() / "token";
  EXPECT_EQ(vault_token("hvs.a\nX-Evil: 1", ""), "hvs.a");
  EXPECT_ERROR(denied, vault_token(std::nullopt, path));
  base::write_file_durably(path, base::as_bytes("hvs.b\n"));
  EXPECT_EQ(vault_token(std::nullopt, path), "hvs.b");
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  EXPECT_ERROR(denied, vault_token(std::nullopt, path));
  base::write_file_durably(path, base::as_bytes("\n"));
  EXPECT_ERROR(denied, vault_token(std::nullopt, path));
}

}  // namespace
}  // namespace cloud
