#include "cloud/json_client.h"

#include <algorithm>

namespace cloud {

using base::ErrorKind;

namespace {

constexpr uint64_t reply_bytes_max = 1 * base::MiB;

bool is_passing(const Refusal& refusal) {
  static constexpr std::string_view codes[] = {"ThrottlingException",
                                               "Throttling",
                                               "TooManyRequestsException",
                                               "RequestThrottled",
                                               "SlowDown",
                                               "RequestLimitExceeded",
                                               "InternalFailure",
                                               "InternalException",
                                               "KMSInternalException",
                                               "InternalServiceError",
                                               "DependencyTimeoutException",
                                               "KeyUnavailableException"};
  return refusal.status == 408 || refusal.status == 429 || refusal.status >= 500 ||
         std::ranges::find(codes, refusal.code) != std::end(codes);
}

// nlohmann's own sentences repeat what they could not read, which may be a key.
std::optional<base::Json> parse_quietly(std::string_view text) {
  base::Json json = base::Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded() || !json.is_object()) return std::nullopt;
  return json;
}

std::string text_of(const base::Json& json, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto at = json.find(name);
    if (at != json.end() && at->is_string()) return at->get<std::string>();
  }
  return {};
}

Refusal refusal_of(const net::Response& answer) {
  Refusal refusal{answer.status, {}, {}, answer.headers.find("x-amzn-requestid").value_or("")};
  if (const auto json = parse_quietly(answer.text())) {
    const std::string type = text_of(*json, {"__type", "code"});
    refusal.code = type.substr(type.rfind('#') + 1);  // npos + 1 is 0
    refusal.message = text_of(*json, {"message", "Message"});
  }
  return refusal;
}

}  // namespace

JsonClient::JsonClient(net::Url endpoint, std::string target, SignedClient client,
                       net::RetryLimits limits)
    : endpoint_(std::move(endpoint)),
      target_(std::move(target)),
      client_(std::move(client)),
      limits_(limits) {}

JsonAnswer JsonClient::call(const std::string& operation, const base::Json& request,
                            std::stop_token stop) {
  const std::string body = request.dump();
  return net::retrying(limits_, stop, [&](unsigned) { return call_once(operation, body, stop); });
}

JsonAnswer JsonClient::call_once(const std::string& operation, const std::string& body,
                                 std::stop_token stop) {
  net::Request request;
  request.method = "POST";
  request.url = endpoint_;
  request.body = base::as_bytes(body);
  request.body_bytes_max = reply_bytes_max;
  request.headers = {{"Content-Type", "application/x-amz-json-1.1"},
                     {"X-Amz-Target", target_ + "." + operation}};
  const net::Response answer = client_.send(request, payload_hash(request.body), stop);
  if (answer.ok()) {
    std::optional<base::Json> reply = parse_quietly(answer.text());
    if (!reply)
      throw base::error(ErrorKind::corrupt, "{}: the answer of {} is not JSON", operation,
                        endpoint_.host);
    return {std::move(reply), {}};
  }
  Refusal refusal = refusal_of(answer);
  if (is_passing(refusal)) {
    throw base::error(ErrorKind::unavailable, "{}: {} answers {} {}: {}", operation, endpoint_.host,
                      refusal.status, refusal.code, refusal.message);
  }
  return {std::nullopt, std::move(refusal)};
}

}  // namespace cloud
