#include "drill/scratch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"
#include "drill/bounded_run.h"
#include "drill/deadline.h"
#include "testing/errors.h"

namespace drill {
namespace {

using base::Path;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(Scratch, goes_with_all_it_holds) {
  const base::TemporaryFolder base;
  Path folder;
  {
    const Scratch scratch(base.path() / "below", "20261122T190000Z-0a1b2c3d");
    folder = scratch.folder();
    base::write_file_durably(scratch.make("data") / "file", {});
    EXPECT_EQ(std::filesystem::status(folder).permissions(), std::filesystem::perms::owner_all);
    EXPECT_THAT(clean_scratch(base.path() / "below").folders, IsEmpty()) << "it lives";
    EXPECT_ERROR(conflict, Scratch(base.path() / "below", "20261122T190000Z-0a1b2c3d"));
  }
  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST(Scratch, refuses_a_path_too_long_for_a_socket) {
  EXPECT_ERROR(invalid, Scratch(Path("/tmp") / std::string(80, 'x'), "20261122T000000Z-00000000"));
}

// A process that dies without cleaning up, and one that it leaves behind.
void die_in_a_drill(const Path& base, pid_t& left) {
  int told[2];
  ASSERT_EQ(pipe(told), 0);
  const pid_t child = fork();
  if (child == 0) {
    const Scratch scratch(base, "20261122T190000Z-deadbeef");
    const base::Process stray = base::Process::start(
        {.arguments = {"sh", "-c", "trap '' QUIT TERM; sleep 1000 & echo ready; wait"},
         .folder = scratch.make("work"),
         .signal_at_our_death = SIGCONT});
    base::Bytes line(16);
    const pid_t pid = stray.output().read_some(line) > 0 ? stray.pid() : -1;
    if (write(told[1], &pid, sizeof pid) == sizeof pid) raise(SIGKILL);
    _exit(1);
  }
  ASSERT_EQ(read(told[0], &left, sizeof left), ssize_t{sizeof left});
  waitpid(child, nullptr, 0);
  close(told[0]);
  close(told[1]);
}

TEST(CleanScratch, ends_and_removes_what_a_killed_drill_left) {
  const base::TemporaryFolder base;
  pid_t left = -1;
  die_in_a_drill(base.path(), left);
  ASSERT_GT(left, 0);
  EXPECT_EQ(kill(left, 0), 0);
  const Cleaned cleaned = clean_scratch(base.path());
  EXPECT_THAT(cleaned.folders, SizeIs(1));
  EXPECT_THAT(cleaned.processes, SizeIs(2));
  EXPECT_TRUE(std::filesystem::is_empty(base.path()));
  // What only looks like one is somebody's.
  std::filesystem::create_directories(base.path() / "drill-bits");
  std::filesystem::create_directories(base.path() / "drill-20261122T190000Z-0a1b2c3d/data");
  EXPECT_THAT(clean_scratch(base.path()).folders, IsEmpty());
  EXPECT_THAT(clean_scratch(base.path() / "never made").folders, IsEmpty());
}

TEST(BoundedRun, tells_the_exit_code_and_the_last_words) {
  const BoundedOutput done = run_bounded(
      {.arguments = {"sh", "-c", "yes long | head -c 100000; echo out; echo err >&2; exit 3"}}, {});
  EXPECT_EQ(done.exit_code, 3);
  EXPECT_THAT(done.tail, testing::EndsWith("out\nerr\n"));
  EXPECT_LE(done.tail.size(), 16 * base::KiB);
  EXPECT_EQ(last_lines(done.tail, 2), "out; err");
  EXPECT_THAT(testing::error_of([] {
                run_bounded_or_throw({.arguments = {"sh", "-c", "echo why; exit 1"}}, {});
              }).message(),
              HasSubstr("sh ended with 1: why"));
}

TEST(BoundedRun, does_not_wait_for_what_the_program_left_behind) {
  const base::Stopwatch watch;
  EXPECT_EQ(run_bounded({.arguments = {"sh", "-c", "sleep 1000 & exit 0"}}, {}).exit_code, 0);
  EXPECT_LT(watch.elapsed(), seconds(20));
}

TEST(BoundedRun, is_ended_by_its_deadline) {
  const Deadline deadline(milliseconds(300), {});
  const base::Stopwatch watch;
  EXPECT_ERROR(cancelled, run_bounded({.arguments = {"sh", "-c", "trap '' TERM; sleep 1000"}},
                                      deadline.token()));
  EXPECT_TRUE(deadline.passed());
  EXPECT_LT(watch.elapsed(), seconds(20));
}

TEST(Deadline, tells_a_stop_from_its_own_end) {
  std::stop_source outer;
  const Deadline deadline(seconds(1000), outer.get_token());
  EXPECT_FALSE(deadline.token().stop_requested());
  outer.request_stop();
  EXPECT_TRUE(deadline.token().stop_requested());
  EXPECT_FALSE(deadline.passed());
}

}  // namespace
}  // namespace drill
