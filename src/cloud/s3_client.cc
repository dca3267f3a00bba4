#include "cloud/s3_client.h"

#include <algorithm>

#include "base/crc32c.h"
#include "base/error.h"
#include "cloud/hashes.h"
#include "cloud/http_date.h"
#include "cloud/metadata.h"
#include "cloud/s3_error.h"
#include "cloud/xml.h"

namespace cloud {

using base::ErrorKind;

namespace {

constexpr uint64_t answer_bytes_max = 16 * base::MiB;  // a page of a listing has a thousand keys

bool fits_bucket_name(const std::string& bucket) {
  return bucket.size() >= 3 && bucket.size() <= 63 && std::ranges::all_of(bucket, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '.' || c == '_';
         });
}

// Whether the name can stand before the host's, also under a certificate for *.host.
bool fits_host_name(const std::string& bucket) {
  return std::ranges::all_of(
      bucket, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

std::string crc32c_base64(uint32_t crc) {
  const std::array<std::byte, 4> big_endian{
      static_cast<std::byte>(crc >> 24), static_cast<std::byte>(crc >> 16),
      static_cast<std::byte>(crc >> 8), static_cast<std::byte>(crc)};
  return to_base64(big_endian);
}

std::string region_of(const Settings& settings, const S3Options& options, net::HttpClient& http,
                      bool is_aws) {
  if (options.region) return *options.region;
  if (const auto region = settings.region()) return *region;
  if (!is_aws) return "us-east-1";  // what servers of one's own take, whatever they are called
  if (const auto region = instance_region(settings, http, {})) return *region;
  throw base::Error(ErrorKind::invalid,
                    fmt::format("the region of bucket {} is not known", options.bucket),
                    "set AWS_REGION, or the store's region");
}

}  // namespace

S3Client::S3Client(S3Options options) : bucket_(options.bucket), retries_(options.retries) {
  if (!fits_bucket_name(bucket_))
    throw base::error(ErrorKind::invalid, "'{}' is not the name of a bucket", bucket_);
  const Settings settings = Settings::load(options.environment, options.profile);
  const std::string ca_file = options.ca_file.empty() ? settings.ca_file() : options.ca_file;
  auto http = std::make_shared<net::HttpClient>(
      net::HttpClient::Options{.ca_file = ca_file, .timeouts = options.timeouts});
  std::optional<net::Url> endpoint =
      options.endpoint ? net::Url::parse(*options.endpoint) : settings.endpoint("s3");
  is_aws_ = !endpoint || endpoint->host.ends_with(".amazonaws.com") ||
            endpoint->host.ends_with(".amazonaws.com.cn");
  const std::string region = region_of(settings, options, *http, is_aws_);
  place_ = endpoint ? *endpoint : aws_endpoint("s3", region);
  if (!place_.query.empty())
    throw base::Error(ErrorKind::invalid, "the endpoint of S3 has a query");
  if (!place_.path.ends_with('/')) place_.path += '/';
  const bool is_virtual =
      options.addressing == S3Addressing::virtual_host ||
      (options.addressing == S3Addressing::automatic && is_aws_ && fits_host_name(bucket_));
  if (is_virtual) {
    place_.host = bucket_ + "." + place_.host;
  } else {
    place_.path += net::percent_encode(bucket_) + "/";
  }
  auto credentials = options.credentials
                         ? options.credentials
                         : default_credentials(options.environment, options.profile, http);
  client_.emplace(SigningScope{region, "s3"}, std::move(credentials), std::move(http));
}

std::string S3Client::doing(std::string_view method, const std::string& key) const {
  return key.empty() ? fmt::format("{} s3://{}", method, bucket_)
                     : fmt::format("{} s3://{}/{}", method, bucket_, key);
}

net::Request S3Client::make(const std::string& method, const std::string& key) const {
  net::Request request;
  request.method = method;
  request.url = place_;
  request.url.path += net::percent_encode(key, true);
  request.body_bytes_max = answer_bytes_max;
  // The bucket itself, in path style, is /bucket: some servers take /bucket/ for a key.
  if (key.empty() && request.url.path.size() > 1) request.url.path.pop_back();
  return request;
}

S3Client::Sent S3Client::send(const net::Request& request, const std::string& key,
                              std::stop_token stop, bool conflicts_pass) {
  bool in_doubt = false;
  return net::retrying(retries_, stop, [&](unsigned) -> Sent {
    try {
      net::Response answer = client_->send(request, unsigned_payload, stop);
      in_doubt = in_doubt || answer.maybe_sent_twice;
      if (answer.ok()) return {std::move(answer), in_doubt};
      const S3Failure failure = read_s3_failure(answer);
      const bool passes = is_passing(failure) && (conflicts_pass || failure.status != 409);
      if (!passes) return {std::move(answer), in_doubt};
      throw_s3(failure, doing(request.method, key));
    } catch (const base::Error& failure) {
      in_doubt = in_doubt || failure.kind() == ErrorKind::unavailable;
      throw;
    }
  });
}

net::Response S3Client::send_or_throw(const net::Request& request, const std::string& key,
                                      std::stop_token stop) {
  net::Response answer = send(request, key, std::move(stop)).answer;
  if (!answer.ok()) throw_s3(read_s3_failure(answer), doing(request.method, key));
  return answer;
}

void S3Client::add_checksums(net::Request& request, base::ByteView body) const {
  request.headers.set("x-amz-sdk-checksum-algorithm", "CRC32C");
  request.headers.set("x-amz-checksum-crc32c", crc32c_base64(base::crc32c(body)));
  if (!is_aws_) request.headers.set("Content-MD5", md5_base64(body));
}

// A server that does not know encryption drops these headers and says nothing.
void S3Client::require_encrypted(const net::Request& request, const net::Response& answer) const {
  constexpr const char* name = "x-amz-server-side-encryption";
  const auto wanted = request.headers.find(name);
  if (!wanted || answer.headers.find(name) == wanted) return;
  throw base::Error(
      ErrorKind::invalid,
      fmt::format("s3://{} does not encrypt as it was asked to ({})", bucket_, *wanted),
      "this server knows no such encryption: encrypt by the client instead");
}

S3PutAnswer S3Client::put(const std::string& key, base::ByteView body, const S3PutOptions& options,
                          std::stop_token stop) {
  net::Request request = make("PUT", key);
  request.body = body;
  request.headers = options.headers;
  if (options.only_if_absent) request.headers.set("If-None-Match", "*");
  add_checksums(request, body);
  const Sent sent = send(request, key, std::move(stop));
  S3PutAnswer answer{.in_doubt = sent.in_doubt};
  if (options.only_if_absent && sent.answer.status == 412) {
    answer.is_taken = true;
  } else if (!sent.answer.ok()) {
    throw_s3(read_s3_failure(sent.answer), doing("PUT", key));
  } else {
    require_encrypted(request, sent.answer);
  }
  answer.version_id = sent.answer.headers.find("x-amz-version-id").value_or("");
  return answer;
}

std::optional<S3Head> S3Client::head(const std::string& key, const std::string& version,
                                     std::stop_token stop) {
  net::Request request = make("HEAD", key);
  if (!version.empty()) request.url.query = {{"versionId", version}};
  const net::Response answer = send(request, key, std::move(stop)).answer;
  if (answer.status == 404) return std::nullopt;
  if (!answer.ok()) throw_s3(read_s3_failure(answer), doing("HEAD", key));
  const auto length = answer.headers.find("content-length");
  const auto modified = answer.headers.find("last-modified");
  const bool is_number = length && !length->empty() && length->size() <= 18 &&
                         length->find_first_not_of("0123456789") == std::string::npos;
  if (!is_number || !modified)
    throw base::error(ErrorKind::corrupt, "{}: the answer has no size or no date",
                      doing("HEAD", key));
  return S3Head{std::stoull(*length), without_quotes(answer.headers.find("etag").value_or("")),
                parse_http_date(*modified), answer.headers.find("x-amz-version-id").value_or(""),
                answer.headers};
}

bool S3Client::remove(const std::string& key, const std::string& version, std::stop_token stop) {
  net::Request request = make("DELETE", key);
  if (!version.empty()) request.url.query = {{"versionId", version}};
  const net::Response answer = send(request, key, std::move(stop)).answer;
  if (answer.status == 404 && read_s3_failure(answer).code != "NoSuchBucket") return false;
  if (!answer.ok()) throw_s3(read_s3_failure(answer), doing("DELETE", key));
  return version.empty() && answer.headers.find("x-amz-delete-marker") == "true";
}

namespace {

// Entries of page after page, in order.
template <typename Next>
void visit_pages(const std::string& prefix, const std::function<bool(const S3Entry&)>& visit,
                 Next&& next_page) {
  std::string last;
  S3Page page;
  do {
    page = next_page(page);
    for (const S3Entry& entry : page.entries) {
      if (!entry.key.starts_with(prefix) || entry.key < last) {
        throw base::Error(ErrorKind::corrupt,
                          "the server lists keys out of order, which no repository can rely on");
      }
      last = entry.key;
      if (!visit(entry)) return;
    }
    if (!page.is_last && page.entries.empty())
      throw base::Error(ErrorKind::corrupt, "the server's listing does not go on");
  } while (!page.is_last);
}

}  // namespace

void S3Client::list(const std::string& prefix, const std::function<bool(const S3Entry&)>& visit,
                    std::stop_token stop) {
  visit_pages(prefix, visit, [&](const S3Page& before) {
    net::Request request = make("GET", "");
    request.url.query = {{"list-type", "2"}, {"encoding-type", "url"}};
    if (!prefix.empty()) request.url.query.emplace_back("prefix", prefix);
    if (!before.next.empty()) request.url.query.emplace_back("continuation-token", before.next);
    return parse_object_list(send_or_throw(request, "", stop).text());
  });
}

void S3Client::list_versions(const std::string& prefix,
                             const std::function<bool(const S3Entry&)>& visit,
                             std::stop_token stop) {
  visit_pages(prefix, visit, [&](const S3Page& before) {
    net::Request request = make("GET", "");
    request.url.query = {{"versions", ""}, {"encoding-type", "url"}};
    if (!prefix.empty()) request.url.query.emplace_back("prefix", prefix);
    if (!before.next.empty()) {
      request.url.query.emplace_back("key-marker", before.next);
      if (!before.next_version_id.empty())
        request.url.query.emplace_back("version-id-marker", before.next_version_id);
    }
    return parse_version_list(send_or_throw(request, "", stop).text());
  });
}

net::Response S3Client::request(const std::string& method, const std::string& key,
                                const std::vector<std::pair<std::string, std::string>>& query,
                                base::ByteView body, const net::Headers& headers,
                                std::stop_token stop) {
  net::Request request = make(method, key);
  request.url.query = query;
  request.headers = headers;
  request.body = body;
  if (!body.empty()) request.headers.set("Content-MD5", md5_base64(body));
  return send(request, key, std::move(stop)).answer;
}

base::Instant S3Client::now(std::stop_token stop) {
  const net::Response answer = send(make("HEAD", ""), "", std::move(stop)).answer;
  const auto date = answer.headers.find("date");
  if (!date) throw base::error(ErrorKind::corrupt, "{}: the answer has no date", doing("HEAD", ""));
  return parse_http_date(*date);
}

}  // namespace cloud
