#include "cloud/s3_error.h"

#include <algorithm>

#include "base/error.h"
#include "cloud/xml.h"

namespace cloud {

using base::ErrorKind;

namespace {

constexpr size_t words_max = 300;  // of a server's sentence in a message

bool is_one_of(std::string_view code, std::initializer_list<std::string_view> codes) {
  return std::ranges::find(codes, code) != codes.end();
}

std::string code_of_status(int status) {
  switch (status) {
    case 301:
      return "PermanentRedirect";
    case 403:
      return "AccessDenied";
    case 404:
      return "NoSuchKey";
    case 412:
      return "PreconditionFailed";
    case 416:
      return "InvalidRange";
    case 503:
      return "ServiceUnavailable";
    default:
      return fmt::format("status {}", status);
  }
}

// What a server says, as one line of printable text.
std::string in_one_line(std::string_view text) {
  std::string line(text.substr(0, words_max));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  }
  return line;
}

}  // namespace

S3Failure read_s3_failure(const net::Response& answer) {
  S3Failure failure{.status = answer.status};
  failure.request_id = answer.headers.find("x-amz-request-id").value_or("");
  failure.region = answer.headers.find("x-amz-bucket-region").value_or("");
  failure.date = answer.headers.find("date").value_or("");
  try {
    const XmlElement root = parse_xml(answer.text());
    if (root.name == "Error") {
      failure.code = in_one_line(root.value("Code").value_or(""));
      failure.message = in_one_line(root.value("Message").value_or(""));
      if (failure.region.empty()) failure.region = root.value("Region").value_or("");
      if (failure.request_id.empty()) failure.request_id = root.value("RequestId").value_or("");
    }
  } catch (const base::Error&) {
    failure.message = answer.body.empty() ? "" : "the answer is not one of S3's";
  }
  if (failure.code.empty()) failure.code = code_of_status(answer.status);
  return failure;
}

bool is_passing(const S3Failure& failure) {
  if (is_one_of(failure.code, {"NotImplemented", "QuotaExceeded", "InsufficientStorage"}) ||
      failure.status == 501 || failure.status == 507)
    return false;
  return failure.status == 408 || failure.status == 429 || failure.status >= 500 ||
         is_one_of(failure.code,
                   {"SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout",
                    "Throttling", "ThrottlingException", "RequestLimitExceeded",
                    "TooManyRequestsException", "RequestThrottled", "BandwidthLimitExceeded",
                    "PriorRequestNotComplete", "OperationAborted", "ConditionalRequestConflict",
                    "BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch"});
}

void throw_s3(const S3Failure& failure, std::string_view doing) {
  ErrorKind kind = ErrorKind::invalid;
  std::string hint;
  const std::string& code = failure.code;
  if (is_passing(failure)) {
    kind = ErrorKind::unavailable;
  } else if (code == "NoSuchBucket") {
    kind = ErrorKind::absent;
    hint = "the bucket must be there before; is its name right, and the endpoint?";
  } else if (code == "QuotaExceeded" || code == "InsufficientStorage" ||
             code == "XMinioStorageFull" || failure.status == 507) {
    kind = ErrorKind::full;
    hint = "raise the store's quota, or prune; nothing half-done is left behind";
  } else if (code == "RequestTimeTooSkewed") {
    hint = fmt::format("set this host's clock: the server's says {}", failure.date);
  } else if (!failure.region.empty() &&
             is_one_of(code,
                       {"PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed",
                        "IllegalLocationConstraintException", "status 400"})) {
    hint = fmt::format("the bucket is in region {}: name it (AWS_REGION, or the store's region)",
                       in_one_line(failure.region));
  } else if (code == "ExpiredToken" || code == "TokenRefreshRequired") {
    kind = ErrorKind::denied;
    hint = "the credentials have ended, and asking for new ones gave none that serve";
  } else if (code == "InvalidAccessKeyId" || code == "SignatureDoesNotMatch" ||
             code == "InvalidToken") {
    kind = ErrorKind::denied;
    hint = "are access key, secret key and session token those of one and the same credential?";
  } else if (failure.status == 401 || failure.status == 403) {
    kind = ErrorKind::denied;
    hint = "the credential's policy, the bucket's policy, or a lock on the object refuses this";
  } else if (failure.status == 404) {
    kind = ErrorKind::absent;
  } else if (failure.status == 412 || failure.status == 409) {
    kind = ErrorKind::conflict;
  } else if (failure.status == 416) {
    kind = ErrorKind::corrupt;
  }
  std::string words = code;
  if (!failure.message.empty()) words += ": " + failure.message;
  if (!failure.request_id.empty())
    words += fmt::format(" (request {})", in_one_line(failure.request_id));
  throw base::Error(kind, fmt::format("{}: {}", doing, words), hint);
}

}  // namespace cloud
