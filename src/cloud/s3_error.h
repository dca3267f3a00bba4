// What an S3 server refused, and what that is among our errors: the one place that decides it.
#pragma once

#include <string>

#include "net/http_client.h"

namespace cloud {

struct S3Failure {
  int status = 0;
  std::string code;  // "NoSuchKey"; for an answer without a body what its status stands for
  std::string message;
  std::string request_id;
  std::string region;  // of the bucket, where we asked the wrong one
  std::string date;    // the server's
};

// From any answer, whatever is in it.
S3Failure read_s3_failure(const net::Response& answer);

// Whether trying again may help: 408, 429, 5xx, SlowDown and its like, a body that was damaged on
// its way, a race with another request.
bool is_passing(const S3Failure& failure);

// `doing` is the call and what it was about: "GET backup/x in s3://bucket".
//   NoSuchKey, NoSuchUpload, other 404      absent
//   NoSuchBucket                            absent, with a hint
//   401, 403, keys and signatures           denied
//   QuotaExceeded, no storage left          full
//   RequestTimeTooSkewed                    invalid, with a hint about the clock
//   another region                          invalid, naming it
//   412, 409                                conflict
//   416                                     corrupt: the object ends before
//   is_passing()                            unavailable
//   others                                  invalid
[[noreturn]] void throw_s3(const S3Failure& failure, std::string_view doing);

}  // namespace cloud
