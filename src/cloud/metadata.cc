#include "cloud/metadata.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "cloud/credentials_json.h"
#include "net/retry.h"

namespace cloud {

using base::ErrorKind;

namespace {

constexpr uint64_t answer_bytes_max = 64 * base::KiB;
constexpr net::Timeouts container_timeouts{std::chrono::seconds(2), std::chrono::seconds(2),
                                           std::chrono::seconds(4)};
constexpr net::Timeouts instance_timeouts{std::chrono::seconds(1), std::chrono::seconds(1),
                                          std::chrono::seconds(2)};
const net::RetryLimits container_limits{.deadline = std::chrono::seconds(15),
                                        .first_pause = std::chrono::seconds(1),
                                        .longest_pause = std::chrono::seconds(1),
                                        .attempts_max = 3};

net::Request local_request(net::Url url, const net::Timeouts& timeouts) {
  net::Request request;
  request.url = std::move(url);
  request.timeouts = timeouts;
  request.past_proxies = true;
  request.body_bytes_max = answer_bytes_max;
  return request;
}

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
    text.pop_back();
  return text;
}

bool may_be_given_a_token(const net::Url& url) {
  static constexpr std::string_view hosts[] = {"localhost",     "127.0.0.1",      "::1",
                                               "169.254.170.2", "169.254.170.23", "fd00:ec2::23"};
  return url.tls || std::ranges::find(hosts, url.host_name()) != std::end(hosts);
}

std::optional<net::Url> container_url(const Settings& settings) {
  if (const auto path = settings.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"))
    return net::Url::parse("http://169.254.170.2" + *path);
  const auto full = settings.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (!full) return std::nullopt;
  net::Url url = net::Url::parse(*full);
  if (!may_be_given_a_token(url)) {
    throw base::error(ErrorKind::invalid,
                      "AWS_CONTAINER_CREDENTIALS_FULL_URI leads to {} without TLS", url.host);
  }
  return url;
}

std::optional<std::string> container_token(const Settings& settings) {
  if (const auto file = settings.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"))
    return trimmed(base::read_text_file(*file, answer_bytes_max));
  return settings.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
}

net::Url instance_base(const Settings& settings) {
  if (const auto given = settings.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT"))
    return net::Url::parse(*given);
  const bool six = settings.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE") == "IPv6";
  return net::Url::parse(six ? "http://[fd00:ec2::254]" : "http://169.254.169.254");
}

// The metadata service of this instance, with a session's token; nothing when there is none.
class InstanceMetadata {
 public:
  static std::optional<InstanceMetadata> open(const Settings& settings, net::HttpClient& http,
                                              std::stop_token stop) {
    const auto disabled = settings.variable("AWS_EC2_METADATA_DISABLED");
    if (disabled && (*disabled == "true" || *disabled == "True" || *disabled == "TRUE"))
      return std::nullopt;
    InstanceMetadata metadata(instance_base(settings), http);
    net::Request request = metadata.request("/latest/api/token");
    request.method = "PUT";
    request.headers.set("x-aws-ec2-metadata-token-ttl-seconds", "21600");
    net::Response answer;
    try {
      answer = http.send(request, stop);
    } catch (const base::Error& failure) {
      if (failure.kind() != ErrorKind::unavailable) throw;
      return std::nullopt;  // this is no instance of EC2
    }
    if (!answer.ok()) return std::nullopt;
    metadata.token_ = trimmed(std::string(answer.text()));
    return metadata;
  }

  // Nothing where there is no such path.
  std::optional<std::string> get(const std::string& path, std::stop_token stop) {
    net::Request asked = request(path);
    asked.headers.set("x-aws-ec2-metadata-token", token_);
    const net::Response answer = http_.send(asked, stop);
    if (answer.status == 404) return std::nullopt;
    if (!answer.ok())
      throw base::error(ErrorKind::unavailable, "the metadata service of this instance answers {}",
                        answer.status);
    return trimmed(std::string(answer.text()));
  }

 private:
  InstanceMetadata(net::Url base, net::HttpClient& http) : base_(std::move(base)), http_(http) {}
  net::Request request(const std::string& path) const {
    net::Url url = base_;
    url.path = path;
    return local_request(url, instance_timeouts);
  }

  net::Url base_;
  net::HttpClient& http_;
  std::string token_;
};

}  // namespace

std::optional<Credentials> container_credentials(const Settings& settings, net::HttpClient& http,
                                                 std::stop_token stop) {
  const std::optional<net::Url> url = container_url(settings);
  if (!url) return std::nullopt;
  net::Request request = local_request(*url, container_timeouts);
  request.headers.set("Accept", "application/json");
  if (const auto token = container_token(settings)) request.headers.set("Authorization", *token);
  return net::retrying(container_limits, stop, [&](unsigned) {
    const net::Response answer = http.send(request, stop);
    if (!answer.ok()) {
      throw base::error(answer.status >= 500 ? ErrorKind::unavailable : ErrorKind::denied,
                        "the container's credential endpoint {} answers {}", url->host,
                        answer.status);
    }
    return parse_credentials(answer.text(), "Token");
  });
}

std::optional<Credentials> instance_credentials(const Settings& settings, net::HttpClient& http,
                                                std::stop_token stop) {
  std::optional<InstanceMetadata> metadata = InstanceMetadata::open(settings, http, stop);
  if (!metadata) return std::nullopt;
  const std::string folder = "/latest/meta-data/iam/security-credentials/";
  const std::optional<std::string> roles = metadata->get(folder, stop);
  if (!roles || roles->empty()) return std::nullopt;
  const std::string role = roles->substr(0, roles->find('\n'));
  const auto text = metadata->get(folder + net::percent_encode(role), stop);
  if (!text) return std::nullopt;
  return parse_credentials(*text, "Token");
}

std::optional<std::string> instance_region(const Settings& settings, net::HttpClient& http,
                                           std::stop_token stop) {
  std::optional<InstanceMetadata> metadata = InstanceMetadata::open(settings, http, stop);
  if (!metadata) return std::nullopt;
  return metadata->get("/latest/meta-data/placement/region", stop);
}

}  // namespace cloud
