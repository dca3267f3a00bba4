// The chain of credentials, against a scripted server in the place of STS, a container's endpoint
// and an instance's metadata.
#include "cloud/credentials.h"

#include <gmock/gmock.h>

#include <thread>

#include "base/file.h"
#include "cloud/credential_process.h"
#include "cloud/metadata.h"
#include "cloud/signed_client.h"
#include "testing/errors.h"
#include "testing/http_server.h"

namespace cloud {
namespace {

using testing::HasSubstr;
using testing::HttpAnswer;
using testing::Not;
using namespace std::chrono_literals;

struct HeldClock : base::Clock {
  base::Instant now() const override { return instant; }
  base::Instant instant = base::from_rfc3339("2026-11-22T12:00:00Z");
};

std::string sts_answer(const std::string& action, const std::string& key) {
  return fmt::format(
      "<{0}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{0}Result><Credentials>"
      "<AccessKeyId>{1}</AccessKeyId><SecretAccessKey>secret of {1}</SecretAccessKey>"
      "<SessionToken>token of {1}</SessionToken><Expiration>2026-11-22T13:00:00Z</Expiration>"
      "</Credentials></{0}Result></{0}Response>",
      action, key);
}

class CredentialChain : public testing::Test {
 protected:
  CredentialChain() : server_([this](const testing::HttpRequest& r) { return answer(r); }) {
    variables_["HOME"] = folder_.path().string();
    variables_["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = server_.url();
    variables_["AWS_ENDPOINT_URL_STS"] = server_.url();
    base::create_folders_durably(folder_.path() / ".aws");
  }
  void config(const std::string& text) {
    base::write_file_durably(folder_.path() / ".aws/config", base::as_bytes(text));
  }
  void credentials_file(const std::string& text) {
    base::write_file_durably(folder_.path() / ".aws/credentials", base::as_bytes(text));
  }
  std::string file(const std::string& name, const std::string& text) {
    base::write_file_durably(folder_.path() / name, base::as_bytes(text));
    return (folder_.path() / name).string();
  }
  Environment environment() {
    return [this](const std::string& name) -> std::optional<std::string> {
      const auto at = variables_.find(name);
      return at == variables_.end() ? std::nullopt : std::optional(at->second);
    };
  }
  std::shared_ptr<CredentialStore> store(const std::optional<std::string>& profile = {}) {
    return default_credentials(environment(), profile, http_, clock_);
  }
  Credentials find(const std::optional<std::string>& profile = {}) {
    return store(profile)->get({});
  }
  HttpAnswer answer(const testing::HttpRequest& request) {
    if (request.path() == "/") {
      const bool web = request.body.find("AssumeRoleWithWebIdentity") != std::string::npos;
      return {200, sts_answer(web ? "AssumeRoleWithWebIdentity" : "AssumeRole",
                              "ROLE" + std::to_string(++roles_))};
    }
    const auto at = pages_.find(request.method + " " + request.path());
    return at == pages_.end() ? HttpAnswer{404} : HttpAnswer{200, at->second};
  }

  base::TemporaryFolder folder_;
  HeldClock clock_;
  std::map<std::string, std::string> variables_;
  std::map<std::string, std::string> pages_;
  int roles_ = 0;
  testing::HttpServer server_;
  std::shared_ptr<net::HttpClient> http_ =
      std::make_shared<net::HttpClient>(net::HttpClient::Options());
};

TEST_F(CredentialChain, takes_the_environment_first_unless_a_profile_was_asked_for) {
  variables_["AWS_ACCESS_KEY_ID"] = "AK";
  variables_["AWS_SECRET_ACCESS_KEY"] = "SK";
  variables_["AWS_SESSION_TOKEN"] = "ST";
  credentials_file(
      "[default]\naws_access_key_id = D\naws_secret_access_key = DS\n"
      "[other]\naws_access_key_id=O\naws_secret_access_key=OS # mine\n");
  EXPECT_EQ(find(), (Credentials{"AK", "SK", "ST", std::nullopt}));
  EXPECT_EQ(find("other"), (Credentials{"O", "OS", "", std::nullopt}));
  variables_.erase("AWS_ACCESS_KEY_ID");
  EXPECT_EQ(find().access_key, "D");
  variables_["AWS_PROFILE"] = "other";
  EXPECT_EQ(find().access_key, "O");
  EXPECT_ERROR(invalid, find("third"));
}

TEST_F(CredentialChain, refuses_half_a_key) {
  variables_["AWS_ACCESS_KEY_ID"] = "AK";
  EXPECT_ERROR(invalid, find());
}

TEST_F(CredentialChain, takes_on_a_role_by_way_of_other_profiles) {
  config(
      "[profile last]\nrole_arn = arn:aws:iam::1:role/last\nsource_profile = middle\n"
      "external_id = x 1\nduration_seconds = 900\n"
      "[profile middle]\nrole_arn = arn:aws:iam::1:role/middle\nsource_profile = base\n");
  credentials_file("[base]\naws_access_key_id = B\naws_secret_access_key = BS\n");
  EXPECT_EQ(find("last").access_key, "ROLE2");
  const auto requests = server_.requests();
  EXPECT_THAT(requests[0].header("authorization"), HasSubstr("Credential=B/"));
  EXPECT_THAT(requests[0].body, HasSubstr("role%2Fmiddle"));
  EXPECT_THAT(requests[1].header("authorization"), HasSubstr("Credential=ROLE1/"));
  EXPECT_EQ(requests[1].header("x-amz-security-token"), "token of ROLE1");
  EXPECT_THAT(requests[1].body, HasSubstr("ExternalId=x%201"));
  EXPECT_THAT(requests[1].body, HasSubstr("DurationSeconds=900"));
}

TEST_F(CredentialChain, ends_in_a_circle_of_profiles) {
  config(
      "[profile a]\nrole_arn = r\nsource_profile = b\n[profile b]\nrole_arn = r\n"
      "source_profile = a\n");
  EXPECT_ERROR(invalid, find("a"));
}

TEST_F(CredentialChain, takes_a_role_for_a_token_that_is_read_again_each_time) {
  variables_["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/web";
  variables_["AWS_WEB_IDENTITY_TOKEN_FILE"] = file("token", "first\n");
  const auto kept = store();
  EXPECT_EQ(kept->get({}).access_key, "ROLE1");
  file("token", "second");
  clock_.instant += 50min;
  EXPECT_EQ(kept->get({}).access_key, "ROLE2");
  EXPECT_THAT(server_.requests()[0].body, HasSubstr("WebIdentityToken=first"));
  EXPECT_EQ(server_.requests()[0].header("authorization"), "");
  EXPECT_THAT(server_.requests()[1].body, HasSubstr("WebIdentityToken=second"));
}

TEST_F(CredentialChain, asks_a_program) {
  const std::string program = file("give me.sh",
                                   "#!/bin/sh\necho '{\"Version\":1,\"AccessKeyId\":\"P\","
                                   "\"SecretAccessKey\":\"'\"$1\"'\",\"SessionToken\":\"PT\"}'\n");
  config("[default]\ncredential_process = sh \"" + program + "\" 'the secret'\n");
  EXPECT_EQ(find(), (Credentials{"P", "the secret", "PT", std::nullopt}));
  config("[default]\ncredential_process = sh -c 'echo SECRET; exit 3'\n");
  const base::Error failed = testing::error_of([&] { find(); });
  EXPECT_EQ(failed.kind(), base::ErrorKind::denied);
  EXPECT_THAT(failed.message(), Not(HasSubstr("SECRET")));
  config("[default]\ncredential_process = sh -c 'echo SECRET'\n");
  const base::Error garbled = testing::error_of([&] { find(); });
  EXPECT_EQ(garbled.kind(), base::ErrorKind::corrupt);
  EXPECT_THAT(garbled.message(), Not(HasSubstr("SECRET")));
}

TEST_F(CredentialChain, asks_the_containers_endpoint_with_its_token) {
  variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = server_.url() + "/container";
  variables_["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = file("auth", "Bearer x\n");
  pages_["GET /container"] =
      R"({"AccessKeyId":"C","SecretAccessKey":"CS","Token":"CT","Expiration":"2026-11-22T18:00:00Z"})";
  EXPECT_EQ(find().access_key, "C");
  EXPECT_EQ(server_.requests()[0].header("authorization"), "Bearer x");
  variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://elsewhere.example/container";
  EXPECT_ERROR(invalid, find());
}

TEST_F(CredentialChain, asks_the_instance_by_version_two_only) {
  EXPECT_ERROR(denied, find());  // a server that knows no token
  const std::string folder = "/latest/meta-data/iam/security-credentials/";
  pages_["GET " + folder] = "the-role\n";
  pages_["GET " + folder + "the-role"] =
      R"({"Code":"Success","AccessKeyId":"I","SecretAccessKey":"IS","Token":"IT",)"
      R"("Expiration":"2026-11-22T18:00:00Z"})";
  EXPECT_ERROR(denied, find());  // version 1 would do
  pages_["PUT /latest/api/token"] = "session";
  EXPECT_EQ(find().session_token, "IT");
  EXPECT_EQ(server_.requests().back().header("x-aws-ec2-metadata-token"), "session");
  pages_["GET /latest/meta-data/placement/region"] = "ap-southeast-1";
  EXPECT_EQ(instance_region(Settings::load(environment(), {}), *http_, {}), "ap-southeast-1");
  variables_["AWS_EC2_METADATA_DISABLED"] = "true";
  EXPECT_ERROR(denied, find());
}

TEST_F(CredentialChain, refuses_what_needs_a_person) {
  config("[default]\nsso_session = x\n[profile m]\nrole_arn = r\nmfa_serial = 1\n");
  EXPECT_ERROR(invalid, find());
  EXPECT_ERROR(invalid, find("m"));
}

TEST_F(CredentialChain, finds_regions_and_endpoints_in_the_usual_order) {
  config(
      "[default]\nregion = eu-west-1\nservices = local\nca_bundle = /ca.pem\n"
      "endpoint_url = http://all\n[services local]\ns3 =\n  endpoint_url = http://s3\n");
  const auto settings = [&] { return Settings::load(environment(), {}); };
  EXPECT_EQ(settings().region(), "eu-west-1");
  EXPECT_EQ(settings().ca_file(), "/ca.pem");
  EXPECT_EQ(settings().endpoint("s3")->host, "s3");
  EXPECT_EQ(settings().endpoint("kms")->host, "all");
  variables_["AWS_DEFAULT_REGION"] = "eu-west-2";
  EXPECT_EQ(settings().region(), "eu-west-2");
  variables_["AWS_REGION"] = "eu-west-3";
  EXPECT_EQ(settings().region(), "eu-west-3");
  variables_["AWS_ENDPOINT_URL"] = "http://every";
  EXPECT_EQ(settings().endpoint("s3")->host, "every");
  variables_["AWS_ENDPOINT_URL_S3"] = "http://own";
  EXPECT_EQ(settings().endpoint("s3")->host, "own");
  variables_["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true";
  EXPECT_FALSE(settings().endpoint("s3"));
  EXPECT_EQ(aws_endpoint("kms", "eu-central-1").text(), "https://kms.eu-central-1.amazonaws.com/");
  EXPECT_EQ(aws_endpoint("s3", "cn-north-1").host, "s3.cn-north-1.amazonaws.com.cn");
  EXPECT_ERROR(invalid, aws_endpoint("s3", "x.evil.example/"));
}

TEST(Profiles, name_the_line_and_not_what_is_in_it) {
  for (const char* text :
       {"secret", "[a\nsecret", "[a]\nsecret", "[a]\n = secret", "[a]\n  b = secret"}) {
    const base::Error failure = testing::error_of([&] { parse_profiles(text, "file"); });
    EXPECT_EQ(failure.kind(), base::ErrorKind::invalid);
    EXPECT_THAT(failure.message(), HasSubstr("file, line"));
    EXPECT_THAT(failure.message(), Not(HasSubstr("secret")));
  }
}

TEST(CredentialProcess, splits_words_as_a_shell_does) {
  EXPECT_EQ(split_words(R"(a "b c"  'd "e' f\ g "h\"i" "")"),
            (std::vector<std::string>{"a", "b c", "d \"e", "f g", "h\"i", ""}));
  EXPECT_ERROR(invalid, split_words("a 'b"));
}

class Renewal : public testing::Test {
 protected:
  CredentialStore make(base::Duration life) {
    return CredentialStore(
        [this, life](std::stop_token) {
          ++loads_;
          if (failing_) throw base::Error(base::ErrorKind::unavailable, "no");
          return Credentials{"K" + std::to_string(loads_), "S", "T", clock_.instant + life};
        },
        clock_);
  }
  HeldClock clock_;
  int loads_ = 0;
  bool failing_ = false;
};

TEST_F(Renewal, comes_before_the_end_and_not_before) {
  CredentialStore store = make(1h);
  EXPECT_EQ(store.get({}).access_key, "K1");
  clock_.instant += 44min;
  EXPECT_EQ(store.get({}).access_key, "K1");
  clock_.instant += 2min;
  EXPECT_EQ(store.get({}).access_key, "K2");
}

TEST_F(Renewal, that_fails_leaves_the_old_ones_to_their_end) {
  CredentialStore store = make(1h);
  store.get({});
  failing_ = true;
  clock_.instant += 50min;
  EXPECT_EQ(store.get({}).access_key, "K1");
  EXPECT_EQ(store.get({}).access_key, "K1");
  EXPECT_EQ(loads_, 2) << "more than one try a minute";
  clock_.instant += 10min;
  EXPECT_ERROR(unavailable, store.get({}));
  failing_ = false;
  EXPECT_EQ(store.get({}).access_key, "K4");
}

TEST_F(Renewal, is_not_constant_for_short_lives) {
  CredentialStore store = make(10min);
  store.get({});
  clock_.instant += 4min;
  store.get({});
  EXPECT_EQ(loads_, 1);
}

TEST_F(Renewal, follows_a_refusal_once) {
  CredentialStore store = make(1h);
  const Credentials first = store.get({});
  store.refuse(first);
  store.refuse(first);
  EXPECT_EQ(store.get({}).access_key, "K2");
  store.refuse(first);  // a thread that comes late
  EXPECT_EQ(store.get({}).access_key, "K2");
}

TEST(SignedClient, renews_expired_credentials_once) {
  int calls = 0;
  testing::HttpServer server([&](const testing::HttpRequest& request) {
    ++calls;
    const bool old = request.header("authorization").find("K1/") != std::string::npos;
    return old ? HttpAnswer{400, "<Error><Code>ExpiredToken</Code></Error>"} : HttpAnswer{200};
  });
  int loads = 0;
  auto credentials = std::make_shared<CredentialStore>([&](std::stop_token) {
    return Credentials{"K" + std::to_string(++loads), "S", "T", std::nullopt};
  });
  SignedClient client({"us-east-1", "s3"}, credentials,
                      std::make_shared<net::HttpClient>(net::HttpClient::Options()));
  net::Request request;
  request.url = net::Url::parse(server.url());
  EXPECT_EQ(client.send(request, payload_hash({}), {}).status, 200);
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(loads, 2);
}

}  // namespace
}  // namespace cloud
