#include "app/push_protocol.h"

#include "testing/errors.h"

namespace app {
namespace {

using base::Error;
using base::ErrorKind;

TEST(PushProtocol, carries_a_request) {
  const std::string line = request_line({.policy = "/etc/x \"y\".yaml",
                                         .digest = "d",
                                         .file = "/data/pg_wal/000000010000000000000001"});
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const std::optional<PushRequest> request = parse_request(line);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->version, push_version);
  EXPECT_EQ(request->policy, "/etc/x \"y\".yaml");
  EXPECT_EQ(request->digest, "d");
  EXPECT_EQ(request->file, "/data/pg_wal/000000010000000000000001");
}

TEST(PushProtocol, takes_nothing_else_for_a_request) {
  for (const char* line :
       {"", "{", "[]", "GET / HTTP/1.1", R"({"seawall": "push"})",
        R"({"seawall": "push", "version": 1})",
        R"({"seawall": "push", "version": 1, "policy": "p", "digest": "d", "file": "pg_wal/x"})",
        R"({"seawall": "push", "version": 1, "policy": "p", "digest": 7, "file": "/pg_wal/x"})",
        R"({"seawall": "push", "version": "1", "policy": "p", "digest": "d", "file": "/x"})",
        R"({"seawall": "push", "version": 1e30})", R"({"seawall": "other", "version": 1})"})
    EXPECT_FALSE(parse_request(line)) << line;
}

TEST(PushProtocol, knows_another_version_by_its_number_alone) {
  const auto request = parse_request(R"({"seawall": "push", "version": 2, "what": {"is": "new"}})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->version, 2);
  EXPECT_FALSE(why_declined(taken_line()));
  EXPECT_EQ(why_declined(declined_line("it ends")), "it ends");
  for (const char* line : {"", "{}", "HTTP/1.1 400 Bad Request", R"({"version": 2, "taken": true})",
                           R"({"version": 1, "taken": "true"})", R"({"version": 1, "taken": 1})"})
    EXPECT_TRUE(why_declined(line)) << line;
}

TEST(PushProtocol, tells_a_failure_as_it_was) {
  const std::optional<PushResult> stored = parse_result(stored_line());
  ASSERT_TRUE(stored);
  EXPECT_FALSE(stored->failure);
  const std::optional<PushResult> failed =
      parse_result(failed_line(Error(ErrorKind::full, "no room\nat \xff", "buy a disk")));
  ASSERT_TRUE(failed && failed->failure);
  EXPECT_EQ(failed->failure->kind(), ErrorKind::full);
  EXPECT_EQ(failed->failure->message(), "no room\nat \xEF\xBF\xBD");
  EXPECT_EQ(failed->failure->hint(), "buy a disk");
  for (const char* line : {"", "{}", R"({"outcome": "failed"})",
                           R"({"outcome": "lost", "kind": "full", "message": "x"})",
                           R"({"outcome": "failed", "kind": "odd", "message": "x"})"})
    EXPECT_FALSE(parse_result(line)) << line;
}

TEST(PushProtocol, digests_what_both_sides_must_mean) {
  const std::string one = push_digest("version: 1\n", "A=1\n");
  // printf 'version: 1\n\0A=1\n' | sha256sum
  EXPECT_EQ(one, "a86b833d716607f24e8a1da2f069ce694392c89d255db6bb4f9e0775d803da53");
  for (const std::string& other :
       {push_digest("version: 1", "A=1\n"), push_digest("version: 1\n", "A=2\n"),
        push_digest("version: 1\n", ""), push_digest("version: 1\nA=1\n", "")})
    EXPECT_NE(one, other);
}

}  // namespace
}  // namespace app
