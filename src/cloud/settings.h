// What the environment and the files of AWS's own tools say: which profile, region, endpoint,
// authorities. A value; looked at once for each client, and again for each renewal of credentials.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "cloud/profile.h"
#include "net/url.h"

namespace cloud {

// A variable's value; one that is empty counts as not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
std::optional<std::string> process_environment(const std::string& name);

class Settings {
 public:
  // `profile`, where given, goes before AWS_PROFILE. Files that are not there are empty. Throws
  // invalid (a malformed file; a profile that was asked for and is in none), denied.
  static Settings load(const Environment& environment, const std::optional<std::string>& profile);

  const std::string& profile() const { return profile_; }
  // Whether somebody asked for this profile, so that keys in the environment do not count.
  bool profile_is_given() const { return profile_is_given_; }
  std::optional<std::string> variable(const std::string& name) const { return environment_(name); }
  // What a profile says under `key`: the credentials file before the config file.
  std::optional<std::string> key(const std::string& profile, const std::string& key) const;
  std::optional<std::string> key(const std::string& name) const { return key(profile_, name); }
  bool has_profile(const std::string& profile) const;

  // AWS_REGION, AWS_DEFAULT_REGION, the profile's.
  std::optional<std::string> region() const;
  // For a service by its short name ("s3", "kms", "sts", "secretsmanager"): AWS_ENDPOINT_URL_S3,
  // AWS_ENDPOINT_URL, the profile's own for the service, the profile's. Throws invalid.
  std::optional<net::Url> endpoint(const std::string& service) const;
  // AWS_CA_BUNDLE, the profile's ca_bundle; empty: the system's.
  std::string ca_file() const;

 private:
  Environment environment_;
  std::string profile_;
  bool profile_is_given_ = false;
  std::map<std::string, ProfileSection> config_;
  std::map<std::string, ProfileSection> credentials_;
};

// Where a service of AWS is: https://<service>.<region>.amazonaws.com, with China's ending there.
net::Url aws_endpoint(const std::string& service, const std::string& region);

}  // namespace cloud
