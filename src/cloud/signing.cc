#include "cloud/signing.h"

#include <algorithm>
#include <map>

#include "cloud/hashes.h"

namespace cloud {

namespace {

std::string lower(std::string_view text) {
  std::string lowered(text);
  for (char& c : lowered) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lowered;
}

// Headers that somebody on the way may add or change.
bool is_left_out(const std::string& name) {
  static constexpr std::string_view names[] = {"authorization",     "connection", "expect",
                                               "keep-alive",        "te",         "trailer",
                                               "transfer-encoding", "upgrade",    "user-agent"};
  return std::ranges::find(names, name) != std::end(names) || name.starts_with("proxy-");
}

std::string one_spaced(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c != ' ' && c != '\t') {
      text += c;
    } else if (!text.empty() && text.back() != ' ') {
      text += ' ';
    }
  }
  if (text.ends_with(' ')) text.pop_back();
  return text;
}

std::string canonical_query(const net::Url& url) {
  std::vector<std::pair<std::string, std::string>> fields;
  for (const auto& [name, value] : url.query)
    fields.emplace_back(net::percent_encode(name), net::percent_encode(value));
  std::ranges::sort(fields);
  std::string text;
  for (const auto& [name, value] : fields)
    text += fmt::format("{}{}={}", text.empty() ? "" : "&", name, value);
  return text;
}

// S3 takes the path as it is sent; the others encode it once more.
std::string canonical_path(const net::Url& url, const std::string& service) {
  return service == "s3" ? url.path : net::percent_encode(url.path, true);
}

struct CanonicalHeaders {
  std::string lines;
  std::string names;
};

CanonicalHeaders canonical_headers(const net::Request& request) {
  std::map<std::string, std::string> headers{{"host", request.url.host}};
  for (const auto& [name, value] : request.headers) {
    const std::string lowered = lower(name);
    if (is_left_out(lowered)) continue;
    const auto [at, added] = headers.emplace(lowered, one_spaced(value));
    if (!added) at->second += "," + one_spaced(value);
  }
  CanonicalHeaders canonical;
  for (const auto& [name, value] : headers) {
    canonical.lines += name + ":" + value + "\n";
    canonical.names += (canonical.names.empty() ? "" : ";") + name;
  }
  return canonical;
}

std::string hex_of(const std::string& text) { return payload_hash(base::as_bytes(text)); }

}  // namespace

std::string payload_hash(base::ByteView body) { return base::to_hex(sha256(body)); }

void sign(net::Request& request, const std::string& payload, const Credentials& credentials,
          const SigningScope& scope, base::Instant now) {
  const std::string moment = base::to_compact(now);
  const std::string day = moment.substr(0, 8);
  request.headers.set("X-Amz-Date", moment);
  if (!credentials.session_token.empty())
    request.headers.set("X-Amz-Security-Token", credentials.session_token);
  if (scope.service == "s3") request.headers.set("X-Amz-Content-Sha256", payload);

  const CanonicalHeaders headers = canonical_headers(request);
  const std::string canonical = fmt::format(
      "{}\n{}\n{}\n{}\n{}\n{}", request.method, canonical_path(request.url, scope.service),
      canonical_query(request.url), headers.lines, headers.names, payload);
  const std::string place = fmt::format("{}/{}/{}/aws4_request", day, scope.region, scope.service);
  const std::string to_sign =
      fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", moment, place, hex_of(canonical));

  const std::string secret = "AWS4" + credentials.secret_key;
  Sha256Bytes key = hmac_sha256(base::as_bytes(secret), base::as_bytes(day));
  for (const std::string_view part :
       {std::string_view(scope.region), std::string_view(scope.service),
        std::string_view("aws4_request"), std::string_view(to_sign)})
    key = hmac_sha256(key, base::as_bytes(part));
  request.headers.set("Authorization",
                      fmt::format("AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, "
                                  "Signature={}",
                                  credentials.access_key, place, headers.names, base::to_hex(key)));
}

}  // namespace cloud
