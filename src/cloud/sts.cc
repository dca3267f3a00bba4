#include "cloud/sts.h"

#include "cloud/xml.h"
#include "net/retry.h"

namespace cloud {

using base::ErrorKind;

namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

const net::RetryLimits limits{.deadline = std::chrono::minutes(1)};

[[noreturn]] void throw_refusal(const net::Response& answer, const RoleRequest& role) {
  std::string code = std::to_string(answer.status);
  std::string message;
  try {
    const XmlElement root = parse_xml(answer.text());
    const XmlElement* const error = root.name == "Error" ? &root : root.find("Error");
    if (error != nullptr) {
      code = error->value("Code").value_or(code);
      message = error->value("Message").value_or("");
    }
  } catch (const base::Error&) {
    message = "no more is said";  // a proxy's page, not an answer of the service
  }
  ErrorKind kind = ErrorKind::denied;
  if (answer.status >= 500 || answer.status == 429 || code == "Throttling" ||
      code == "IDPCommunicationError") {
    kind = ErrorKind::unavailable;
  } else if (code == "ValidationError" || code == "MalformedPolicyDocument") {
    kind = ErrorKind::invalid;
  }
  throw base::error(kind, "taking on role {}: {}: {}", role.role_arn, code, message);
}

Fields fields_of(const char* action, const RoleRequest& role) {
  Fields fields{{"Action", action},
                {"Version", "2011-06-15"},
                {"RoleArn", role.role_arn},
                {"RoleSessionName", role.session_name.empty() ? "seawall" : role.session_name},
                {"DurationSeconds", std::to_string(role.duration_seconds)}};
  if (!role.external_id.empty()) fields.emplace_back("ExternalId", role.external_id);
  return fields;
}

Credentials credentials_in(const net::Response& answer, const std::string& result) {
  const XmlElement root = parse_xml(answer.text());
  const XmlElement* const outer = root.find(result);
  const XmlElement* const found = outer == nullptr ? nullptr : outer->find("Credentials");
  if (found == nullptr) throw base::Error(ErrorKind::corrupt, "the answer holds no credentials");
  Credentials credentials{found->require("AccessKeyId"), found->require("SecretAccessKey"),
                          found->require("SessionToken"), std::nullopt};
  credentials.expires =
      base::corrupt_if_invalid([&] { return base::from_rfc3339(found->require("Expiration")); });
  return credentials;
}

template <typename Send>
Credentials ask(const char* action, const Fields& fields, const RoleRequest& role,
                const net::Url& endpoint, const std::stop_token& stop, Send&& send) {
  const std::string result = fmt::format("{}Result", action);
  const std::string body = net::form_encode(fields);
  net::Request request;
  request.method = "POST";
  request.url = endpoint;
  request.body = base::as_bytes(body);
  request.body_bytes_max = 1 * base::MiB;
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}};
  return net::retrying(limits, stop, [&](unsigned) {
    const net::Response answer = send(request);
    if (!answer.ok()) throw_refusal(answer, role);
    return credentials_in(answer, result);
  });
}

}  // namespace

Credentials assume_role(const RoleRequest& role, const net::Url& endpoint, SignedClient& client,
                        std::stop_token stop) {
  return ask("AssumeRole", fields_of("AssumeRole", role), role, endpoint, stop,
             [&](const net::Request& request) {
               return client.send(request, payload_hash(request.body), stop);
             });
}

Credentials assume_role_with_web_identity(const RoleRequest& role, const std::string& token,
                                          const net::Url& endpoint, net::HttpClient& http,
                                          std::stop_token stop) {
  Fields fields = fields_of("AssumeRoleWithWebIdentity", role);
  fields.emplace_back("WebIdentityToken", token);
  return ask("AssumeRoleWithWebIdentity", fields, role, endpoint, stop,
             [&](const net::Request& request) { return http.send(request, stop); });
}

}  // namespace cloud
