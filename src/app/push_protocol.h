// What `wal push` and the daemon say to each other. docs/formats/push_socket.md.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/time.h"

namespace app {

inline constexpr int push_version = 1;
inline constexpr base::Duration push_taken_within = std::chrono::seconds(2);
// Longer than a store is given for a call, so that the daemon's own words come first.
inline constexpr base::Duration push_done_within = std::chrono::seconds(90);
// PostgreSQL waits for its archiver when it is shut down, three attempts long, and shows a failure
// only once an attempt has ended; and it asks again by itself.
inline constexpr base::Duration push_deadline = std::chrono::minutes(1);

struct PushRequest {
  int version = push_version;
  std::string policy;  // canonical path
  std::string digest;  // of what both sides must mean
  std::string file;    // absolute
};

// Of the texts of the policy and of its environment file.
std::string push_digest(const std::string& policy_text, const std::string& environment);

std::string request_line(const PushRequest& request);
// Of another version only that is filled. Nothing for what is no request.
std::optional<PushRequest> parse_request(const std::string& line);

std::string taken_line();
std::string declined_line(const std::string& why);
// Nothing when it was taken; else why not, in the daemon's words or ours.
std::optional<std::string> why_declined(const std::string& line);

std::string stored_line();
std::string failed_line(const base::Error& failure);
struct PushResult {
  std::optional<base::Error> failure;  // nothing: it is stored
};
std::optional<PushResult> parse_result(const std::string& line);

}  // namespace app
