#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>

namespace base {

void set_up_log(LogLevel level) {
  spdlog::set_default_logger(spdlog::stderr_logger_mt("seawall"));
  spdlog::set_pattern("seawall: %l: %v");
  spdlog::set_level(level == LogLevel::debug  ? spdlog::level::debug
                    : level == LogLevel::info ? spdlog::level::info
                                              : spdlog::level::warn);
  spdlog::flush_on(spdlog::level::debug);
}

}  // namespace base
