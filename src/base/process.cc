#include "base/process.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
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

// Who the child is in a network of its own, which takes a name space of users of its own: itself.
struct CutOff {
  std::string users = fmt::format("{0} {0} 1\n", geteuid());
  std::string groups = fmt::format("{0} {0} 1\n", getegid());

  // As ChildSide::run: only what may be called there.
  bool enter() const {
    return unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 && put("/proc/self/setgroups", "deny") &&
           put("/proc/self/uid_map", users) && put("/proc/self/gid_map", groups);
  }
  static bool put(const char* file, std::string_view text) {
    const int descriptor = ::open(file, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) return false;
    const bool whole = write(descriptor, text.data(), text.size()) == std::ssize(text);
    close(descriptor);
    return whole;
  }
};

// What the child does between fork and exec: only what a child of a process with threads may do.
struct ChildSide {
  const char* program;
  char* const* arguments;
  char* const* environment;
  const char* folder;  // null: ours
  int input;
  int output;
  int errors;
  int failed;  // gets errno when the program cannot be run
  int signal_at_our_death;
  pid_t parent;
  bool own_group;
  const CutOff* cut_off;  // null: it stays in our network

  [[noreturn]] void run() const {
    if (own_group) setpgid(0, 0);
    // Before the signal at our death, which does not outlive it.
    const bool ready = cut_off == nullptr || cut_off->enter();
    // The death signal outlives exec; we may have died before it was set.
    prctl(PR_SET_PDEATHSIG, signal_at_our_death);
    if (getppid() != parent) _exit(127);
    // It starts with no signal blocked and the usual reaction to each.
    for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    if (ready && dup2(input, 0) >= 0 && dup2(output, 1) >= 0 && dup2(errors, 2) >= 0 &&
        (folder == nullptr || chdir(folder) == 0)) {
      execve(program, arguments, environment);
    }
    const int number = errno;
    static_cast<void>(!write(failed, &number, sizeof number));
    _exit(127);
  }
};

struct Pipe {
  Pipe(const std::string& read_name, const std::string& write_name) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw_errno("making a pipe");
    read_end = File(ends[0], read_name);
    write_end = File(ends[1], write_name);
  }
  File read_end;
  File write_end;
};

}  // namespace

Process Process::start(const Command& command, Streams streams) {
  CHECK(!command.arguments.empty());
  const std::string& name = command.arguments[0];
  const std::optional<Path> found = find_program(name);
  if (!found) throw_errno(fmt::format("starting {}", name), ENOENT);
  const Path program = std::filesystem::absolute(*found);
  const File null = File::open("/dev/null", O_RDWR);
  Pipe output("the output of " + name, "pipe");
  Pipe failed("what starting it came to", "pipe");
  const int memory = memfd_create("seawall-errors", MFD_CLOEXEC);
  if (memory < 0) throw_errno("making a file in memory");
  File errors(memory, "the errors of " + name);
  const int out = streams.keep_output ? output.write_end.descriptor() : null.descriptor();

  std::vector<std::string> arguments = command.arguments;
  std::vector<std::string> environment = merged_environment(command.environment);
  const std::vector<char*> argument_pointers = pointers(arguments);
  const std::vector<char*> environment_pointers = pointers(environment);
  const CutOff cut_off;
  const ChildSide child{.program = program.c_str(),
                        .arguments = argument_pointers.data(),
                        .environment = environment_pointers.data(),
                        .folder = command.folder.empty() ? nullptr : command.folder.c_str(),
                        .input = null.descriptor(),
                        .output = out,
                        .errors = streams.errors_to_output ? out : memory,
                        .failed = failed.write_end.descriptor(),
                        .signal_at_our_death = command.signal_at_our_death,
                        .parent = getpid(),
                        .own_group = command.own_group,
                        .cut_off = command.without_network ? &cut_off : nullptr};
  const pid_t pid = fork();
  if (pid < 0) throw_errno(fmt::format("starting {}", name));
  if (pid == 0) child.run();
  failed.write_end = File();
  int number = 0;
  if (failed.read_end.read_some({reinterpret_cast<std::byte*>(&number), sizeof number}) != 0) {
    waitpid(pid, nullptr, 0);
    throw_errno(fmt::format("starting {}", name), number);
  }
  return Process(pid, std::move(output.read_end), std::move(errors));
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

void Process::signal_group(int number) {
  if (pid_ > 0) kill(-pid_, number);
}

bool can_cut_off_network() {
  try {
    return run({.arguments = {"true"}, .without_network = true}).exit_code == 0;
  } catch (const Error&) {
    return false;  // most kernels let any user, some administrators do not
  }
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
