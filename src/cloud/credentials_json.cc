#include "cloud/credentials_json.h"

#include "base/json.h"

namespace cloud {

Credentials parse_credentials(std::string_view text, const char* token_member) {
  const base::Json json = base::Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded() || !json.is_object())
    throw base::Error(base::ErrorKind::corrupt, "the credentials are not a JSON object");
  Credentials credentials{base::member<std::string>(json, "AccessKeyId"),
                          base::member<std::string>(json, "SecretAccessKey"),
                          base::member_if_there<std::string>(json, token_member).value_or(""),
                          std::nullopt};
  if (credentials.access_key.empty() || credentials.secret_key.empty())
    throw base::Error(base::ErrorKind::corrupt, "the credentials are empty");
  if (const auto expires = base::member_if_there<std::string>(json, "Expiration")) {
    try {
      credentials.expires = base::from_rfc3339(*expires);
    } catch (const base::Error&) {
      throw base::Error(base::ErrorKind::corrupt, "the credentials' Expiration is not a time");
    }
  }
  return credentials;
}

}  // namespace cloud
