#include "base/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "base/error.h"

namespace base {

namespace {

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& more) {
  std::vector<std::string> all;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text(*variable);
    const std::string name(text.substr(0, text.find('=')));
    if (!more.contains(name)) all.emplace_back(text);
  }
  for (const auto& [name, value] : more) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

class SpawnActions {
 public:
  SpawnActions() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
    // The child starts with no signal blocked and the usual reaction to each.
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnActions() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  posix_spawn_file_actions_t* actions() { return &actions_; }
  posix_spawnattr_t* attributes() { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

}  // namespace

Process Process::start(const Command& command, Streams streams) {
  CHECK(!command.arguments.empty());
  const std::string& program = command.arguments[0];
  int pipe_ends[2] = {-1, -1};
  if (streams.keep_output && pipe2(pipe_ends, O_CLOEXEC) != 0) throw_errno("making a pipe");
  File read_end(pipe_ends[0], "the output of " + program);
  File write_end =
      streams.keep_output ? File(pipe_ends[1], "pipe") : File::open("/dev/null", O_WRONLY);
  const int memory = memfd_create("seawall-errors", MFD_CLOEXEC);
  if (memory < 0) throw_errno("making a file in memory");
  File errors(memory, "the errors of " + program);

  SpawnActions spawn;
  posix_spawn_file_actions_addopen(spawn.actions(), 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(spawn.actions(), write_end.descriptor(), 1);
  posix_spawn_file_actions_adddup2(spawn.actions(), streams.errors_to_output ? 1 : memory, 2);
  if (!command.folder.empty())
    posix_spawn_file_actions_addchdir_np(spawn.actions(), command.folder.c_str());

  std::vector<std::string> arguments = command.arguments;
  std::vector<std::string> environment = merged_environment(command.environment);
  pid_t pid = -1;
  const int failed = posix_spawnp(&pid, program.c_str(), spawn.actions(), spawn.attributes(),
                                  pointers(arguments).data(), pointers(environment).data());
  if (failed != 0) throw_errno(fmt::format("starting {}", program), failed);
  return Process(pid, std::move(read_end), std::move(errors));
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      exit_(other.exit_),
      output_(std::move(other.output_)),
      errors_(std::move(other.errors_)) {}

Process::~Process() {
  if (pid_ < 0 || exit_) return;
  kill(pid_, SIGTERM);
  for (int tenths = 0; tenths < 50; ++tenths) {
    if (!running()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

namespace {
int exit_code_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
}  // namespace

bool Process::running() {
  if (exit_) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return true;
  exit_ = exit_code_of(status);
  return false;
}

int Process::wait() {
  while (!exit_) {
    int status = 0;
    if (waitpid(pid_, &status, 0) == pid_) {
      exit_ = exit_code_of(status);
    } else if (errno != EINTR) {
      throw_errno("waiting for a program");
    }
  }
  return *exit_;
}

std::string Process::errors() {
  const uint64_t size = errors_.size();
  const uint64_t from = size > 16 * KiB ? size - 16 * KiB : 0;
  std::string text(size - from, '\0');
  text.resize(errors_.read_at(from, {reinterpret_cast<std::byte*>(text.data()), text.size()}));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

void Process::signal(int number) {
  if (!exit_) kill(pid_, number);
}

Output run(const Command& command) {
  Process process = Process::start(command);
  Output result{};
  Bytes buffer(64 * KiB);
  while (const size_t got = process.output().read_some(buffer)) {
    if (result.output.size() + got > 64 * MiB) {
      throw error(ErrorKind::unavailable, "{} printed more than 64 MiB", command.arguments[0]);
    }
    result.output += as_text(ByteView(buffer).first(got));
  }
  result.exit_code = process.wait();
  result.errors = process.errors();
  return result;
}

std::string run_or_throw(const Command& command) {
  Output result = run(command);
  if (result.exit_code != 0) {
    throw error(ErrorKind::unavailable, "{} ended with {}: {}", command.arguments[0],
                result.exit_code, result.errors.empty() ? result.output : result.errors);
  }
  return std::move(result.output);
}

std::optional<Path> find_program(const std::string& name) {
  const auto runs = [](const Path& path) { return access(path.c_str(), X_OK) == 0; };
  if (name.find('/') != std::string::npos)
    return runs(name) ? std::optional<Path>(name) : std::nullopt;
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
  while (!rest.empty()) {
    const size_t colon = rest.find(':');
    const Path candidate = Path(rest.substr(0, colon)) / name;
    if (runs(candidate)) return candidate;
    rest = colon == std::string_view::npos ? std::string_view{} : rest.substr(colon + 1);
  }
  return std::nullopt;
}

}  // namespace base
