// Roles: temporary credentials from AWS's Security Token Service.
#pragma once

#include "cloud/signed_client.h"

namespace cloud {

struct RoleRequest {
  std::string role_arn;
  std::string session_name;  // empty: "seawall"
  std::string external_id;   // empty: none
  int duration_seconds = 3600;
};

// Of the role, for who can sign for it. Throws denied, unavailable (tried again within a minute),
// invalid, corrupt.
Credentials assume_role(const RoleRequest& role, const net::Url& endpoint, SignedClient& client,
                        std::stop_token stop);

// Of the role, for who holds `token` of an identity provider; nothing is signed. Throws as above.
Credentials assume_role_with_web_identity(const RoleRequest& role, const std::string& token,
                                          const net::Url& endpoint, net::HttpClient& http,
                                          std::stop_token stop);

}  // namespace cloud
