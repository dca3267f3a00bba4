#include "base/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"

namespace base {
namespace {

// What is written to standard error while `work` runs.
template <typename Work>
std::string said(Work&& work) {
  const TemporaryFolder folder;
  const Path path = folder.path() / "stderr";
  const int before = ::dup(STDERR_FILENO);
  {
    const File file = File::open(path, O_WRONLY | O_CREAT);
    ::dup2(file.descriptor(), STDERR_FILENO);
    work();
  }
  ::dup2(before, STDERR_FILENO);
  ::close(before);
  return read_text_file(path);
}

class LogTest : public testing::Test {
 protected:
  void TearDown() override {
    set_up_log(LogLevel::info);
    unsetenv("JOURNAL_STREAM");
  }
};

TEST_F(LogTest, writes_one_line_each_whatever_the_message_holds) {
  const std::string text = said([] {
    set_up_log(LogLevel::info);
    info("one\ntwo\n");
    debug("nothing");
    alarm("{} is wrong", "it");
  });
  EXPECT_EQ(text, "seawall: info: one | two\nseawall: error: it is wrong\n");
}

TEST_F(LogTest, gives_the_journal_priorities) {
  const std::string text = said([] {
    set_up_log(LogLevel::debug, LogForm::journal);
    debug("a");
    info("b");
    warn("c");
    alarm("d");
  });
  EXPECT_EQ(text,
            "<7>seawall: debug: a\n<6>seawall: info: b\n<4>seawall: warning: c\n<3>seawall: "
            "error: d\n");
}

TEST_F(LogTest, writes_json_also_of_bytes_that_are_no_text) {
  const std::string text = said([] {
    set_up_log(LogLevel::info, LogForm::json);
    warn("a \"quoted\" \xff byte");
  });
  const Json line = Json::parse(text);
  EXPECT_EQ(line.at("level"), "warning");
  EXPECT_EQ(line.at("message"), "a \"quoted\" \xEF\xBF\xBD byte");
  EXPECT_EQ(line.at("at").get<std::string>().back(), 'Z');
}

TEST_F(LogTest, knows_the_journal_by_its_socket) {
  struct stat ours {};
  ASSERT_EQ(fstat(STDERR_FILENO, &ours), 0);
  EXPECT_FALSE(logs_to_journal());
  setenv("JOURNAL_STREAM", fmt::format("{}:{}", ours.st_dev, ours.st_ino).c_str(), 1);
  EXPECT_TRUE(logs_to_journal());
  setenv("JOURNAL_STREAM", fmt::format("{}:{}", ours.st_dev, ours.st_ino + 1).c_str(), 1);
  EXPECT_FALSE(logs_to_journal());  // ours was redirected since
}

}  // namespace
}  // namespace base
