#include "drill/bounded_run.h"

#include <poll.h>

#include "base/error.h"
#include "base/task_group.h"

namespace drill {

namespace {

constexpr size_t tail_bytes = 16 * base::KiB;
constexpr int look_milliseconds = 100;

// What a stopped program is killed by, at whatever moment.
class GroupEnd {
 public:
  explicit GroupEnd(base::Process& process) : process_(process) {}
  ~GroupEnd() { process_.signal_group(SIGKILL); }
  GroupEnd(const GroupEnd&) = delete;
  GroupEnd& operator=(const GroupEnd&) = delete;

 private:
  base::Process& process_;
};

}  // namespace

BoundedOutput run_bounded(base::Command command, const std::stop_token& stop) {
  command.own_group = true;
  command.signal_at_our_death = SIGKILL;
  base::Process process = base::Process::start(command, {.errors_to_output = true});
  const GroupEnd end(process);
  BoundedOutput result;
  base::Bytes buffer(64 * base::KiB);
  pollfd output{.fd = process.output().descriptor(), .events = POLLIN, .revents = 0};
  for (;;) {
    base::throw_if_stopped(stop);
    // Not to the end of the pipe: a child that it left behind may hold that for ever.
    const bool ended = !process.running();
    const int ready = poll(&output, 1, ended ? 0 : look_milliseconds);
    if (ready > 0) {
      const size_t got = process.output().read_some(buffer);
      result.tail += base::as_text(base::ByteView(buffer).first(got));
      if (result.tail.size() > 2 * tail_bytes)
        result.tail.erase(0, result.tail.size() - tail_bytes);
      if (got > 0) continue;
      if (!ended) base::sleep_for(std::chrono::milliseconds(look_milliseconds), stop);
    }
    if (ended) break;
  }
  if (result.tail.size() > tail_bytes) result.tail.erase(0, result.tail.size() - tail_bytes);
  result.exit_code = process.wait();
  return result;
}

void run_bounded_or_throw(const base::Command& command, const std::stop_token& stop) {
  const BoundedOutput done = run_bounded(command, stop);
  if (done.exit_code == 0) return;
  throw base::error(base::ErrorKind::unavailable, "{} ended with {}: {}",
                    base::Path(command.arguments[0]).filename().string(), done.exit_code,
                    last_lines(done.tail, 3));
}

std::string last_lines(const std::string& text, size_t count) {
  size_t end = text.size();
  while (end > 0 && text[end - 1] == '\n') --end;
  size_t begin = end;
  for (size_t lines = 0; lines < count && begin > 0; ++lines) {
    const size_t newline = text.rfind('\n', begin - 1);
    begin = newline == std::string::npos ? 0 : newline;
  }
  std::string result;
  for (const char c : std::string_view(text).substr(begin, end - begin)) {
    if (c == '\n' && !result.empty()) result += "; ";
    if (c != '\n') result += c;
  }
  return result;
}

}  // namespace drill
