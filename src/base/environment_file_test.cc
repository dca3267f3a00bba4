#include "base/environment_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "testing/errors.h"

namespace base {
namespace {

TEST(EnvironmentFile, reads_what_systemd_reads) {
  const Variables found = parse_environment(
      "# comment\n"
      "; another\n"
      "\n"
      "PLAIN=a b=c\r\n"
      "EMPTY=\n"
      "  single='a\"\xC3\xA9 c'\n"
      "_9=\"say \\\"x\\\\\"\n"
      "LAST=  trimmed  ",
      "x");
  EXPECT_EQ(found, (Variables{{"PLAIN", "a b=c"},
                              {"EMPTY", ""},
                              {"single", "a\"\xC3\xA9 c"},
                              {"_9", "say \"x\\"},
                              {"LAST", "trimmed"}}));
  EXPECT_TRUE(parse_environment("", "x").empty());
}

TEST(EnvironmentFile, names_the_line_it_does_not_understand_and_not_its_secret) {
  for (const char* line :
       {"export A=s3cret", "A s3cret", "9A=s3cret", "=s3cret", "A =s3cret", "A='s3cret",
        "A='s3cret' x", "A=s3'cret", "A=s3cret\\", "A=\"s3cret\\n\"", "A='s3cret\\'"}) {
    const Error failure =
        testing::error_of([&] { parse_environment("B=1\n" + std::string(line) + "\n", "file"); });
    EXPECT_EQ(failure.kind(), ErrorKind::invalid) << line;
    EXPECT_NE(failure.message().find("file, line 2"), std::string::npos) << failure.message();
    EXPECT_EQ((failure.message() + failure.hint()).find("cret"), std::string::npos) << line;
  }
}

TEST(EnvironmentFile, refuses_what_others_may_read_or_write) {
  const TemporaryFolder folder;
  const Path file = folder.path() / "env";
  EXPECT_ERROR(absent, read_environment_file(file));
  write_file_durably(file, std::as_bytes(std::span(std::string_view("A=1\n"))));
  for (const mode_t mode : {0600u, 0640u, 0400u}) {
    ASSERT_EQ(chmod(file.c_str(), mode), 0);
    EXPECT_EQ(read_environment_file(file), "A=1\n") << mode;
  }
  for (const mode_t mode : {0644u, 0660u, 0604u, 0602u}) {
    ASSERT_EQ(chmod(file.c_str(), mode), 0);
    EXPECT_ERROR(denied, read_environment_file(file));
  }
  if (geteuid() == 0) {
    ASSERT_EQ(chmod(file.c_str(), 0600), 0);
    ASSERT_EQ(chown(file.c_str(), 12345, 0), 0);
    EXPECT_ERROR(denied, read_environment_file(file));
  }
  EXPECT_ERROR(denied, read_environment_file(folder.path()));
}

TEST(EnvironmentFile, leaves_what_is_set_already) {
  setenv("SEAWALL_TEST_SET", "before", 1);  // NOLINT(concurrency-mt-unsafe)
  unsetenv("SEAWALL_TEST_UNSET");           // NOLINT(concurrency-mt-unsafe)
  set_variables({{"SEAWALL_TEST_SET", "after"}, {"SEAWALL_TEST_UNSET", "new"}});
  EXPECT_STREQ(std::getenv("SEAWALL_TEST_SET"), "before");  // NOLINT(concurrency-mt-unsafe)
  EXPECT_STREQ(std::getenv("SEAWALL_TEST_UNSET"), "new");   // NOLINT(concurrency-mt-unsafe)
}

}  // namespace
}  // namespace base
