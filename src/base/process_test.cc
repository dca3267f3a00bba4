#include "base/process.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/task_group.h"
#include "testing/errors.h"

namespace base {
namespace {

TEST(Process, gives_output_errors_and_exit_code_each_for_itself) {
  const Output output = run({.arguments = {"sh", "-c", "echo out; echo err >&2; exit 3"},
                             .environment = {},
                             .folder = {}});
  EXPECT_EQ(output.output, "out\n");
  EXPECT_EQ(output.errors, "err");
  EXPECT_EQ(output.exit_code, 3);
}

TEST(Process, tells_the_signal_that_ended_it) {
  EXPECT_EQ(
      run({.arguments = {"sh", "-c", "kill -9 $$"}, .environment = {}, .folder = {}}).exit_code,
      128 + SIGKILL);
}

TEST(Process, adds_variables_and_has_no_standard_input) {
  const Output output = run({.arguments = {"sh", "-c", "cat; echo $SECRET; pwd"},
                             .environment = {{"SECRET", "a b"}},
                             .folder = "/"});
  EXPECT_EQ(output.output, "a b\n/\n");
}

TEST(Process, is_never_blocked_by_its_own_talk) {
  const Output output =
      run({.arguments = {"sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' e >&2; echo done"},
           .environment = {},
           .folder = {}});
  EXPECT_EQ(output.output, "done\n");
  EXPECT_EQ(output.errors.size(), 16 * KiB);
}

TEST(Process, says_so_when_the_program_is_not_there) {
  EXPECT_ERROR(absent, run({.arguments = {"/no/such/program"}, .environment = {}, .folder = {}}));
  EXPECT_FALSE(find_program("no-such-program-anywhere"));
  EXPECT_TRUE(find_program("sh"));
  EXPECT_ERROR(unavailable,
               run_or_throw({.arguments = {"false"}, .environment = {}, .folder = {}}));
}

// A server or a pg_restore that goes on alone would hold what the next run needs.
TEST(Process, ends_with_us_even_when_we_are_killed) {
  int told[2];
  ASSERT_EQ(pipe(told), 0);
  const pid_t us = fork();
  if (us == 0) {
    const Process process = Process::start({.arguments = {"sh", "-c", "exec sleep 1000"}});
    const pid_t pid = process.pid();
    if (write(told[1], &pid, sizeof pid) == sizeof pid) pause();
    _exit(1);
  }
  close(told[1]);
  pid_t pid = 0;
  ASSERT_EQ(read(told[0], &pid, sizeof pid), ssize_t{sizeof pid});
  EXPECT_EQ(kill(pid, 0), 0);
  kill(us, SIGKILL);
  waitpid(us, nullptr, 0);
  // Where nobody takes over orphans it stays a zombie.
  const auto gone = [&] {
    const std::optional<std::string> status =
        read_text_file_if_there(fmt::format("/proc/{}/stat", pid));
    return !status || status->find(") Z ") != std::string::npos;
  };
  for (int tenths = 0; tenths < 100 && !gone(); ++tenths) usleep(100'000);
  EXPECT_TRUE(gone());
  close(told[0]);
}

TEST(Process, is_told_to_end_when_it_is_dropped) {
  pid_t pid = 0;
  {
    const Process process =
        Process::start({.arguments = {"sleep", "1000"}, .environment = {}, .folder = {}});
    pid = process.pid();
    EXPECT_EQ(kill(pid, 0), 0);
  }
  EXPECT_EQ(kill(pid, 0), -1) << "it is still there";
}

TEST(Process, takes_its_children_along_when_its_group_is_ended) {
  Process process =
      Process::start({.arguments = {"sh", "-c", "sleep 1000 & echo $!; wait"}, .own_group = true});
  Bytes line(64);
  const size_t got = process.output().read_some(line);
  const pid_t grandchild = std::stoi(std::string(as_text(ByteView(line).first(got))));
  process.signal_group(SIGKILL);
  EXPECT_EQ(process.wait(), 128 + SIGKILL);
  EXPECT_EQ(process.output().read_some(line), 0u) << "somebody still holds the pipe";
  const auto is_gone = [grandchild] {
    const auto stat = read_text_file_if_there(fmt::format("/proc/{}/stat", grandchild));
    return !stat || stat->find(") Z ") != std::string::npos;
  };
  const Stopwatch watch;
  while (!is_gone() && watch.elapsed() < std::chrono::seconds(10))
    sleep_for(std::chrono::milliseconds(1), {});
  EXPECT_TRUE(is_gone());
}

TEST(Process, without_network_sees_no_interface_and_is_who_it_was) {
  if (!can_cut_off_network()) {
    EXPECT_THROW(run({.arguments = {"true"}, .without_network = true}), Error);
    return;  // this kernel does not let us
  }
  const Output links = run(
      {.arguments = {"sh", "-c", "tail -n +3 /proc/self/net/dev; id -u"}, .without_network = true});
  EXPECT_THAT(links.output, testing::HasSubstr("lo:"));
  EXPECT_THAT(links.output, testing::Not(testing::HasSubstr("eth")));
  EXPECT_THAT(links.output, testing::EndsWith(fmt::format("\n{}\n", geteuid())));
}

}  // namespace
}  // namespace base
