// The order in which credentials are looked for; see credentials.h.
#include "base/error.h"
#include "base/file.h"
#include "cloud/credential_process.h"
#include "cloud/credentials.h"
#include "cloud/metadata.h"
#include "cloud/signed_client.h"
#include "cloud/sts.h"

namespace cloud {

using base::ErrorKind;

namespace {

constexpr int profiles_deep_max = 5;  // of profiles that take their role by way of another
constexpr uint64_t token_bytes_max = 64 * base::KiB;

// One walk through the chain, with the settings as they are now.
class Chain {
 public:
  Chain(Settings settings, std::shared_ptr<net::HttpClient> http, const base::Clock& clock,
        std::stop_token stop)
      : settings_(std::move(settings)),
        http_(std::move(http)),
        clock_(clock),
        stop_(std::move(stop)) {}

  Credentials find() {
    if (!settings_.profile_is_given()) {
      if (auto found = from_environment()) return *found;
    }
    if (auto found = from_role(settings_.profile(), 1)) return *found;
    if (auto found = from_token_in_environment()) return *found;
    if (auto found = from_keys(settings_.profile())) return *found;
    if (auto found = from_process(settings_.profile())) return *found;
    refuse_what_needs_a_person(settings_.profile());
    if (auto found = container_credentials(settings_, *http_, stop_)) return *found;
    if (auto found = instance_credentials(settings_, *http_, stop_)) return *found;
    throw base::Error(
        ErrorKind::denied, "no credentials for the object store were found",
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile in ~/.aws of the user that "
        "runs this, or give the host a role");
  }

 private:
  std::optional<Credentials> from_environment() const {
    const auto access = settings_.variable("AWS_ACCESS_KEY_ID");
    if (!access) return std::nullopt;
    const auto secret = settings_.variable("AWS_SECRET_ACCESS_KEY");
    if (!secret)
      throw base::Error(ErrorKind::invalid,
                        "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not");
    return Credentials{*access, *secret, settings_.variable("AWS_SESSION_TOKEN").value_or(""),
                       std::nullopt};
  }

  std::optional<Credentials> from_keys(const std::string& profile) const {
    const auto access = settings_.key(profile, "aws_access_key_id");
    if (!access) return std::nullopt;
    const auto secret = settings_.key(profile, "aws_secret_access_key");
    if (!secret)
      throw base::error(ErrorKind::invalid,
                        "profile '{}' has aws_access_key_id and no aws_secret_access_key", profile);
    return Credentials{*access, *secret, settings_.key(profile, "aws_session_token").value_or(""),
                       std::nullopt};
  }

  std::optional<Credentials> from_process(const std::string& profile) const {
    const auto command = settings_.key(profile, "credential_process");
    if (!command) return std::nullopt;
    return credentials_by_process(*command, stop_);
  }

  std::optional<Credentials> from_token_in_environment() {
    const auto file = settings_.variable("AWS_WEB_IDENTITY_TOKEN_FILE");
    const auto role = settings_.variable("AWS_ROLE_ARN");
    if (!file || !role) return std::nullopt;
    return by_token({.role_arn = *role,
                     .session_name = settings_.variable("AWS_ROLE_SESSION_NAME").value_or("")},
                    *file);
  }

  std::optional<Credentials> from_role(const std::string& profile, int depth) {
    const auto arn = settings_.key(profile, "role_arn");
    if (!arn) return std::nullopt;
    if (settings_.key(profile, "mfa_serial"))
      throw base::error(ErrorKind::invalid, "profile '{}' wants a code that a person types",
                        profile);
    const RoleRequest role{.role_arn = *arn,
                           .session_name = settings_.key(profile, "role_session_name").value_or(""),
                           .external_id = settings_.key(profile, "external_id").value_or(""),
                           .duration_seconds = duration_of(profile)};
    if (const auto file = settings_.key(profile, "web_identity_token_file"))
      return by_token(role, *file);
    auto who = fixed_credentials(who_takes_the_role(profile, depth));
    SignedClient client({sts_region(), "sts"}, std::move(who), http_, clock_);
    return assume_role(role, sts_endpoint(), client, stop_);
  }

  Credentials who_takes_the_role(const std::string& profile, int depth) {
    std::optional<Credentials> found;
    if (const auto source = settings_.key(profile, "source_profile")) {
      if (depth >= profiles_deep_max)
        throw base::error(ErrorKind::invalid, "profile '{}': more than {} profiles lead to another",
                          profile, profiles_deep_max);
      if (*source != profile) found = from_role(*source, depth + 1);
      if (!found) found = from_keys(*source);
      if (!found) found = from_process(*source);
    } else if (const auto place = settings_.key(profile, "credential_source")) {
      if (*place == "Environment") {
        found = from_environment();
      } else if (*place == "EcsContainer") {
        found = container_credentials(settings_, *http_, stop_);
      } else if (*place == "Ec2InstanceMetadata") {
        found = instance_credentials(settings_, *http_, stop_);
      }
    }
    if (!found)
      throw base::error(ErrorKind::denied, "profile '{}' has a role_arn, but nobody to take it on",
                        profile);
    return *found;
  }

  Credentials by_token(const RoleRequest& role, const std::string& file) {
    std::string token = base::read_text_file(file, token_bytes_max);
    while (token.ends_with('\n')) token.pop_back();
    return assume_role_with_web_identity(role, token, sts_endpoint(), *http_, stop_);
  }

  int duration_of(const std::string& profile) const {
    const auto text = settings_.key(profile, "duration_seconds");
    if (!text) return RoleRequest().duration_seconds;
    const bool digits = text->find_first_not_of("0123456789") == std::string::npos;
    const int seconds = digits && text->size() <= 6 ? std::stoi(*text) : 0;
    if (seconds < 900 || seconds > 43200)
      throw base::error(ErrorKind::invalid,
                        "profile '{}': duration_seconds must be from 900 to 43200", profile);
    return seconds;
  }

  void refuse_what_needs_a_person(const std::string& profile) const {
    for (const char* key : {"sso_session", "sso_start_url"}) {
      if (!settings_.key(profile, key)) continue;
      throw base::Error(
          ErrorKind::invalid,
          fmt::format("profile '{}' signs a person in, which a backup cannot", profile),
          "let a program do it: credential_process = aws configure export-credentials --profile "
          "NAME");
    }
  }

  std::string sts_region() const { return settings_.region().value_or("us-east-1"); }
  net::Url sts_endpoint() const {
    if (auto endpoint = settings_.endpoint("sts")) return *endpoint;
    return aws_endpoint("sts", sts_region());
  }

  const Settings settings_;
  const std::shared_ptr<net::HttpClient> http_;
  const base::Clock& clock_;
  const std::stop_token stop_;
};

}  // namespace

std::shared_ptr<CredentialStore> default_credentials(const Environment& environment,
                                                     const std::optional<std::string>& profile,
                                                     std::shared_ptr<net::HttpClient> http,
                                                     const base::Clock& clock) {
  return std::make_shared<CredentialStore>(
      [environment, profile, http, &clock](std::stop_token stop) {
        return base::while_doing("looking for credentials", [&] {
          return Chain(Settings::load(environment, profile), http, clock, stop).find();
        });
      },
      clock);
}

}  // namespace cloud
