#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/json.h"
#include "base/time.h"

namespace base {

namespace {

// sd-daemon(3).
int priority(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::critical:
      return 2;
    case spdlog::level::err:
      return 3;
    case spdlog::level::warn:
      return 4;
    case spdlog::level::info:
      return 6;
    default:
      return 7;
  }
}

std::string one_line(std::string_view text) {
  std::string line(text);
  while (!line.empty() && line.back() == '\n') line.pop_back();
  for (size_t at = 0; (at = line.find('\n', at)) != std::string::npos;) line.replace(at, 1, " | ");
  return line;
}

class Lines final : public spdlog::formatter {
 public:
  explicit Lines(LogForm form) : form_(form) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const std::string_view level(spdlog::level::to_string_view(message.level).data());
    const std::string text =
        one_line(std::string_view(message.payload.data(), message.payload.size()));
    std::string line;
    if (form_ == LogForm::json) {
      const Json json = {{"at", to_rfc3339(std::chrono::time_point_cast<Duration>(message.time))},
                         {"level", std::string(level)},
                         {"message", text}};
      line = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    } else {
      if (form_ == LogForm::journal) line = fmt::format("<{}>", priority(message.level));
      line += fmt::format("seawall: {}: {}\n", level, text);
    }
    out.append(line.data(), line.data() + line.size());
  }

  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<Lines>(form_);
  }

 private:
  LogForm form_;
};

}  // namespace

void set_up_log(LogLevel level, LogForm form) {
  spdlog::drop("seawall");  // of a first call
  spdlog::set_default_logger(spdlog::stderr_logger_mt("seawall"));
  spdlog::set_formatter(std::make_unique<Lines>(form));
  spdlog::set_level(level == LogLevel::debug  ? spdlog::level::debug
                    : level == LogLevel::info ? spdlog::level::info
                                              : spdlog::level::warn);
  spdlog::flush_on(spdlog::level::debug);
}

bool logs_to_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  return stream != nullptr && fstat(STDERR_FILENO, &status) == 0 &&
         stream == fmt::format("{}:{}", status.st_dev, status.st_ino);
}

}  // namespace base
