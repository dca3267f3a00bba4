#include "cli/command.h"

#include <unistd.h>

#include "base/task_group.h"

namespace cli {

ProgressLine::ProgressLine(const Globals& globals, std::function<std::string()> text)
    : on_(!globals.quiet && !globals.json),
      terminal_(isatty(STDERR_FILENO) != 0),
      text_(std::move(text)) {
  if (!on_) return;
  std::fflush(stdout);  // what was answered before comes before, where both go to one file
  thread_ = std::jthread([this](std::stop_token stop) {
    const auto pause =
        terminal_ ? std::chrono::milliseconds(200) : std::chrono::milliseconds(10'000);
    while (base::sleep_for(pause, stop)) show(false);
  });
}

ProgressLine::~ProgressLine() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
  if (terminal_ && !shown_.empty()) fmt::print(stderr, "\n");
}

void ProgressLine::finish() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
  show(true);
}

void ProgressLine::show(bool last) {
  const std::string text = text_();
  if (terminal_) {
    fmt::print(stderr, "\r\033[K{}{}", text, last ? "\n" : "");
  } else if (text != shown_) {
    fmt::print(stderr, "{}\n", text);
  }
  shown_ = text;
  std::fflush(stderr);
}

void print_json(const base::Json& json) { fmt::print("{}\n", json.dump(2)); }

void print_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const std::vector<std::string>& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const std::vector<std::string>& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    fmt::print("{}\n", line);
  }
}

std::string share(uint64_t done, uint64_t total) {
  if (total == 0) return base::human_bytes(done);
  const uint64_t percent = std::min<uint64_t>(100, done * 100 / total);
  return fmt::format("{} of {}, {} %", base::human_bytes(done), base::human_bytes(total), percent);
}

}  // namespace cli
