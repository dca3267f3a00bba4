// Log lines for operators: one line each, on standard error. Answers to the user's question go to
// standard output instead, by way of the cli room. Safe to share between threads.
#pragma once

#include <spdlog/spdlog.h>

namespace base {

using spdlog::debug;
using spdlog::info;
using spdlog::warn;

// What somebody has to look at. `error` is how failures are thrown.
template <typename... Args>
void alarm(spdlog::format_string_t<Args...> format, Args&&... args) {
  spdlog::error(format, std::forward<Args>(args)...);
}

enum class LogLevel { debug, info, warn };

enum class LogForm {
  text,     // "seawall: info: ..."
  journal,  // the same behind the priority that systemd takes from a line: "<6>..."
  json,     // {"at": "...", "level": "info", "message": "..."}
};

// Sets the threshold and the form of the lines. Until it is called, spdlog's own defaults hold. A
// message of several lines is written as one.
void set_up_log(LogLevel level, LogForm form = LogForm::text);

// Whether standard error is the journal's: systemd.exec(5), JOURNAL_STREAM.
bool logs_to_journal();

}  // namespace base
