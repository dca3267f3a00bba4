#include "cloud/settings.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "base/file.h"

namespace cloud {

using base::ErrorKind;

namespace {

constexpr uint64_t file_bytes_max = 1 * base::MiB;

std::optional<std::string> home(const Environment& environment) {
  if (auto folder = environment("HOME")) return folder;
  const passwd* const entry = getpwuid(getuid());  // NOLINT(concurrency-mt-unsafe): at the start
  return entry == nullptr ? std::nullopt : std::optional<std::string>(entry->pw_dir);
}

std::map<std::string, ProfileSection> read_profiles(const Environment& environment,
                                                    const char* variable, const char* name) {
  base::Path path;
  if (const auto given = environment(variable)) {
    path = *given;
  } else if (const auto folder = home(environment)) {
    path = base::Path(*folder) / ".aws" / name;
  } else {
    return {};
  }
  const auto text = base::read_text_file_if_there(path, file_bytes_max);
  return text ? parse_profiles(*text, path.string()) : std::map<std::string, ProfileSection>();
}

std::optional<std::string> value_in(const std::map<std::string, ProfileSection>& sections,
                                    const std::string& section, const std::string& key) {
  const auto at = sections.find(section);
  if (at == sections.end()) return std::nullopt;
  const auto found = at->second.find(key);
  if (found == at->second.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

// "s3" as in AWS_ENDPOINT_URL_S3, and as in a file's s3.endpoint_url.
std::string id_of(const std::string& service) {
  return service == "secretsmanager" ? "secrets_manager" : service;
}

std::string upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

bool is_true(const std::optional<std::string>& value) { return value && upper(*value) == "TRUE"; }

std::string config_section(const std::string& profile) {
  return profile == "default" ? profile : "profile " + profile;
}

}  // namespace

std::optional<std::string> process_environment(const std::string& name) {
  const char* const value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): never set
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

Settings Settings::load(const Environment& environment, const std::optional<std::string>& profile) {
  Settings settings;
  settings.environment_ = environment;
  settings.config_ = read_profiles(environment, "AWS_CONFIG_FILE", "config");
  settings.credentials_ = read_profiles(environment, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
  std::optional<std::string> wanted = profile;
  settings.profile_is_given_ = wanted.has_value();
  if (!wanted) wanted = environment("AWS_PROFILE");
  if (!wanted) wanted = environment("AWS_DEFAULT_PROFILE");
  settings.profile_ = wanted.value_or("default");
  if (wanted && !settings.has_profile(*wanted)) {
    throw base::Error(ErrorKind::invalid, fmt::format("there is no profile '{}'", *wanted),
                      "profiles are sections of ~/.aws/config and ~/.aws/credentials, or of the "
                      "files that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name");
  }
  return settings;
}

std::optional<std::string> Settings::key(const std::string& profile, const std::string& key) const {
  if (auto value = value_in(credentials_, profile, key)) return value;
  return value_in(config_, config_section(profile), key);
}

bool Settings::has_profile(const std::string& profile) const {
  return credentials_.contains(profile) || config_.contains(config_section(profile));
}

std::optional<std::string> Settings::region() const {
  if (auto region = variable("AWS_REGION")) return region;
  if (auto region = variable("AWS_DEFAULT_REGION")) return region;
  return key("region");
}

std::optional<net::Url> Settings::endpoint(const std::string& service) const {
  const std::string id = id_of(service);
  if (is_true(variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"))) return std::nullopt;
  std::optional<std::string> text = variable("AWS_ENDPOINT_URL_" + upper(id));
  if (!text) text = variable("AWS_ENDPOINT_URL");
  if (!text) {
    if (const auto services = key("services"))
      text = value_in(config_, "services " + *services, id + ".endpoint_url");
  }
  if (!text) text = key("endpoint_url");
  if (!text) return std::nullopt;
  return base::while_doing("reading the endpoint of " + service,
                           [&] { return net::Url::parse(*text); });
}

std::string Settings::ca_file() const {
  if (auto file = variable("AWS_CA_BUNDLE")) return *file;
  return key("ca_bundle").value_or("");
}

net::Url aws_endpoint(const std::string& service, const std::string& region) {
  const bool fits = !region.empty() && std::ranges::all_of(region, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  if (!fits) throw base::error(ErrorKind::invalid, "'{}' is not the name of a region", region);
  net::Url url;
  url.host =
      fmt::format("{}.{}.amazonaws.com{}", service, region, region.starts_with("cn-") ? ".cn" : "");
  return url;
}

}  // namespace cloud
