// A program of others that may hang, run to its end or to ours.
#pragma once

#include <stop_token>

#include "base/process.h"

namespace drill {

struct BoundedOutput {
  int exit_code = 0;
  std::string tail;  // the last 16 KiB of what it wrote, to either stream
};

// Runs it in a process group of its own. When `stop` comes, the whole group is killed and cancelled
// is thrown; when the program ends, what it left running in its group is killed, too.
BoundedOutput run_bounded(base::Command command, const std::stop_token& stop);

// The same; throws unavailable with its last words unless it ends with 0.
void run_bounded_or_throw(const base::Command& command, const std::stop_token& stop);

// The last lines of a text, as one line for a message.
std::string last_lines(const std::string& text, size_t count);

}  // namespace drill
