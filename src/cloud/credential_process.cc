#include "cloud/credential_process.h"

#include <poll.h>

#include "base/error.h"
#include "base/process.h"
#include "cloud/credentials_json.h"

namespace cloud {

using base::ErrorKind;

namespace {

constexpr uint64_t output_bytes_max = 64 * base::KiB;
constexpr double seconds_max = 60;

// All that the child prints, until it closes its output.
std::string read_output(const base::Process& child, const std::stop_token& stop) {
  const base::Stopwatch watch;
  std::string output;
  for (;;) {
    if (stop.stop_requested()) throw base::Error(ErrorKind::cancelled, "stopped");
    if (watch.seconds() > seconds_max)
      throw base::Error(ErrorKind::unavailable, "credential_process takes more than a minute");
    pollfd waiting{child.output().descriptor(), POLLIN, 0};
    if (::poll(&waiting, 1, 100) <= 0) continue;
    char piece[4096];
    const size_t count =
        child.output().read_some(std::as_writable_bytes(std::span(piece, sizeof piece)));
    if (count == 0) return output;
    output.append(piece, count);
    if (output.size() > output_bytes_max)
      throw base::Error(ErrorKind::corrupt, "credential_process prints too much");
  }
}

}  // namespace

std::vector<std::string> split_words(std::string_view line) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = '\0';
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote == '\0' && (c == ' ' || c == '\t')) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (c == quote) {
      quote = '\0';
    } else if (quote == '\0' && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == '\\' && quote != '\'' && i + 1 < line.size()) {
      words.back() += line[++i];
    } else {
      words.back() += c;
    }
  }
  if (quote != '\0') throw base::Error(ErrorKind::invalid, "a quote does not end");
  return words;
}

Credentials credentials_by_process(const std::string& command_line, std::stop_token stop) {
  return base::while_doing("running the profile's credential_process", [&] {
    base::Command command{.arguments = split_words(command_line)};
    if (command.arguments.empty()) throw base::Error(ErrorKind::invalid, "it is empty");
    base::Process child = base::Process::start(command);
    const std::string output = read_output(child, stop);
    const int code = child.wait();
    if (code != 0) {
      throw base::Error(ErrorKind::denied,
                        fmt::format("{} ended with {}", command.arguments[0], code),
                        "run it by hand to see what it says");
    }
    return parse_credentials(output, "SessionToken");
  });
}

}  // namespace cloud
