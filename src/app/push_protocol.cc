#include "app/push_protocol.h"

#include <array>

#include "base/json.h"
#include "crypto/digest.h"

namespace app {

using base::Error;
using base::ErrorKind;
using base::Json;

namespace {

// Nothing for what is no object, as who speaks another language is no error of ours.
std::optional<Json> object_of(const std::string& line) {
  Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  return json;
}

std::optional<std::string> text_of(const Json& json, const char* name) {
  const auto at = json.find(name);
  if (at == json.end() || !at->is_string()) return std::nullopt;
  return at->get<std::string>();
}

std::optional<int> version_of(const Json& json) {
  const auto at = json.find("version");
  if (at == json.end() || !at->is_number_integer()) return std::nullopt;
  const auto version = at->get<int64_t>();
  if (version < 1 || version > 1'000'000) return std::nullopt;
  return static_cast<int>(version);
}

std::optional<ErrorKind> kind_of(std::string_view name) {
  for (const ErrorKind kind :
       {ErrorKind::invalid, ErrorKind::absent, ErrorKind::denied, ErrorKind::conflict,
        ErrorKind::unavailable, ErrorKind::corrupt, ErrorKind::full, ErrorKind::cancelled}) {
    if (base::name(kind) == name) return kind;
  }
  return std::nullopt;
}

// Messages may quote names of files that are no UTF-8.
std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string push_digest(const std::string& policy_text, const std::string& environment) {
  crypto::Sha256 digest;
  digest.update(std::as_bytes(std::span(policy_text.c_str(), policy_text.size() + 1)));
  digest.update(base::as_bytes(environment));
  return digest.finish_hex();
}

std::string request_line(const PushRequest& request) {
  return line_of({{"seawall", "push"},
                  {"version", request.version},
                  {"policy", request.policy},
                  {"digest", request.digest},
                  {"file", request.file}});
}

std::optional<PushRequest> parse_request(const std::string& line) {
  const std::optional<Json> json = object_of(line);
  if (!json || text_of(*json, "seawall") != "push") return std::nullopt;
  const std::optional<int> version = version_of(*json);
  if (!version) return std::nullopt;
  PushRequest request{.version = *version, .policy = {}, .digest = {}, .file = {}};
  if (*version != push_version) return request;
  const std::optional<std::string> policy = text_of(*json, "policy");
  const std::optional<std::string> digest = text_of(*json, "digest");
  const std::optional<std::string> file = text_of(*json, "file");
  if (!policy || !digest || !file || !file->starts_with('/')) return std::nullopt;
  request.policy = *policy;
  request.digest = *digest;
  request.file = *file;
  return request;
}

std::string taken_line() { return line_of({{"version", push_version}, {"taken", true}}); }

std::string declined_line(const std::string& why) {
  return line_of({{"version", push_version}, {"taken", false}, {"why", why}});
}

std::optional<std::string> why_declined(const std::string& line) {
  const std::optional<Json> json = object_of(line);
  if (!json) return "it speaks another language";
  const auto taken = json->find("taken");
  if (version_of(*json) == push_version && taken != json->end() && *taken == Json(true))
    return std::nullopt;
  return text_of(*json, "why").value_or("it is of another version");
}

std::string stored_line() { return line_of({{"outcome", "stored"}}); }

std::string failed_line(const Error& failure) {
  return line_of({{"outcome", "failed"},
                  {"kind", base::name(failure.kind())},
                  {"message", failure.message()},
                  {"hint", failure.hint()}});
}

std::optional<PushResult> parse_result(const std::string& line) {
  const std::optional<Json> json = object_of(line);
  if (!json) return std::nullopt;
  const std::optional<std::string> outcome = text_of(*json, "outcome");
  if (outcome == "stored") return PushResult{};
  const std::optional<ErrorKind> kind = kind_of(text_of(*json, "kind").value_or(""));
  const std::optional<std::string> message = text_of(*json, "message");
  if (outcome != "failed" || !kind || !message) return std::nullopt;
  return PushResult{Error(*kind, *message, text_of(*json, "hint").value_or(""))};
}

}  // namespace app
