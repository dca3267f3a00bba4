// Log lines for operators: one line each, on standard error. Answers to the user's question go to
// standard output instead, by way of the cli room. Safe to share between threads.
#pragma once

#include <spdlog/spdlog.h>

namespace base {

using spdlog::debug;
using spdlog::info;
using spdlog::warn;

enum class LogLevel { debug, info, warn };

// Sets the threshold and the form of the lines. Until it is called, spdlog's own defaults hold.
void set_up_log(LogLevel level);

}  // namespace base
