// Services that take and give JSON (AWS's "JSON 1.1": KMS, Secrets Manager).
#pragma once

#include "base/json.h"
#include "cloud/signed_client.h"
#include "net/retry.h"

namespace cloud {

// What a service refused, in its own words.
struct Refusal {
  int status = 0;
  std::string code;        // "DisabledException": without a namespace before it
  std::string message;     // the service's sentence
  std::string request_id;  // for its support
};

// A reply, or why there is none.
struct JsonAnswer {
  std::optional<base::Json> reply;
  Refusal refusal;  // where there is no reply
};

// Safe to share between threads.
class JsonClient {
 public:
  // `target` is the prefix of X-Amz-Target: "TrentService" for KMS.
  JsonClient(net::Url endpoint, std::string target, SignedClient client, net::RetryLimits limits);

  // Calls one operation ("GenerateDataKey"). Throttling, 5xx and lost connections are tried again
  // within the limits, then thrown as unavailable; any other refusal is the caller's to judge.
  // Throws unavailable, denied (certificate, no credentials), corrupt (no JSON), cancelled. No
  // message holds what was sent or received.
  JsonAnswer call(const std::string& operation, const base::Json& request, std::stop_token stop);

 private:
  JsonAnswer call_once(const std::string& operation, const std::string& body, std::stop_token stop);

  const net::Url endpoint_;
  const std::string target_;
  SignedClient client_;
  const net::RetryLimits limits_;
};

}  // namespace cloud
