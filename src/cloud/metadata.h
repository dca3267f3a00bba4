// Credentials that the place offers in which we run: a container's endpoint (ECS, EKS Pod
// Identity), and the metadata of an EC2 instance.
#pragma once

#include "cloud/settings.h"
#include "cloud/signing.h"
#include "net/http_client.h"

namespace cloud {

// Nothing where AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and ..._FULL_URI are not set. A full URI
// must be https, or lead to this host or the addresses that ECS and EKS use: `invalid` otherwise,
// for the token goes there. Throws denied, unavailable, corrupt.
std::optional<Credentials> container_credentials(const Settings& settings, net::HttpClient& http,
                                                 std::stop_token stop);

// Nothing where AWS_EC2_METADATA_DISABLED is true, no metadata service answers within a second, or
// the instance has no role. By IMDSv2 only: version 1 hands credentials to whoever can make a
// server fetch a URL.
std::optional<Credentials> instance_credentials(const Settings& settings, net::HttpClient& http,
                                                std::stop_token stop);

// The region that the instance is in; nothing as above.
std::optional<std::string> instance_region(const Settings& settings, net::HttpClient& http,
                                           std::stop_token stop);

}  // namespace cloud
