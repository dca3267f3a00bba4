#include "net/local_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "testing/errors.h"

namespace net {
namespace {

using base::Path;

constexpr base::Duration soon = std::chrono::seconds(5);
constexpr base::Duration at_once = std::chrono::milliseconds(50);

void echo(LocalConnection& connection, const std::stop_token& stop) {
  while (const std::optional<std::string> line = connection.read_line(soon, stop)) {
    if (!connection.send_line(*line, soon, stop)) return;
  }
}

class LocalSocket : public ::testing::Test {
 protected:
  base::TemporaryFolder folder_;
  Path name_ = folder_.path() / "s";
};

TEST_F(LocalSocket, carries_lines_both_ways_and_knows_who_asks) {
  std::atomic<uid_t> seen{12345};
  const LocalServer server(name_, [&](LocalConnection& connection, const std::stop_token& stop) {
    seen = connection.peer().value_or(54321);
    echo(connection, stop);
  });
  std::optional<LocalConnection> client = connect_local(name_);
  ASSERT_TRUE(client);
  const std::string most(LocalConnection::line_bytes_max, 'x');
  for (const std::string& line : {std::string("one"), std::string(), most}) {
    ASSERT_TRUE(client->send_line(line, soon, {}));
    EXPECT_EQ(client->read_line(soon, {}), line);
  }
  EXPECT_EQ(seen, geteuid());
  struct stat status {};
  ASSERT_EQ(::stat(name_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0660u);
}

TEST_F(LocalSocket, gives_up_on_a_line_that_is_too_long_or_does_not_come) {
  const LocalServer server(name_, echo);
  std::optional<LocalConnection> client = connect_local(name_);
  ASSERT_TRUE(client);
  EXPECT_FALSE(client->read_line(at_once, {}));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(client->read_line(soon, stop.get_token()));
  client->send_line(std::string(4 * LocalConnection::line_bytes_max, 'x'), soon, {});
  EXPECT_FALSE(client->read_line(soon, {}));  // the server has gone
}

TEST_F(LocalSocket, takes_over_what_a_dead_process_left_and_nothing_else) {
  EXPECT_FALSE(connect_local(name_));
  {  // a name that nobody listens behind
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, name_.c_str(), sizeof address.sun_path - 1);
    const base::File left(::socket(AF_UNIX, SOCK_STREAM, 0), "left");
    ASSERT_EQ(
        ::bind(left.descriptor(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  EXPECT_FALSE(connect_local(name_));
  {
    const LocalServer server(name_, echo);
    EXPECT_TRUE(connect_local(name_));
    EXPECT_ERROR(conflict, LocalServer(name_, echo));
    EXPECT_TRUE(connect_local(name_));  // and it is still there
  }
  EXPECT_FALSE(connect_local(name_));
  EXPECT_FALSE(std::filesystem::exists(name_));
  const LocalServer again(name_, echo);
  EXPECT_TRUE(connect_local(name_));
}

TEST_F(LocalSocket, says_what_is_wrong_with_a_name) {
  EXPECT_ERROR(absent, LocalServer(folder_.path() / "none" / "s", echo));
  const Path long_name = folder_.path() / std::string(120, 'x');
  EXPECT_ERROR(invalid, LocalServer(long_name, echo));
  EXPECT_FALSE(connect_local(long_name));
}

TEST_F(LocalSocket, closes_what_is_more_than_it_serves) {
  const LocalServer server(name_, echo);
  std::vector<LocalConnection> served;
  for (int i = 0; i < 16; ++i) {
    std::optional<LocalConnection> one = connect_local(name_);
    ASSERT_TRUE(one);
    ASSERT_TRUE(one->send_line("x", soon, {}));
    ASSERT_EQ(one->read_line(soon, {}), "x") << i;
    served.push_back(std::move(*one));
  }
  std::optional<LocalConnection> more = connect_local(name_);
  ASSERT_TRUE(more);
  more->send_line("x", soon, {});
  const base::Stopwatch watch;
  EXPECT_FALSE(more->read_line(soon, {}));
  EXPECT_LT(watch.elapsed(), soon);
  served.pop_back();
  std::optional<std::string> answer;
  for (int i = 0; i < 50 && !answer; ++i) {  // once the room is seen
    std::optional<LocalConnection> next = connect_local(name_);
    ASSERT_TRUE(next);
    if (next->send_line("y", soon, {})) answer = next->read_line(soon, {});
    if (!answer) std::this_thread::sleep_for(at_once);
  }
  EXPECT_EQ(answer, "y");
}

TEST_F(LocalSocket, ends_with_its_connections) {
  std::optional<LocalConnection> client;
  const base::Stopwatch watch;
  {
    const LocalServer server(name_, echo);
    client = connect_local(name_);
    ASSERT_TRUE(client);
    ASSERT_TRUE(client->send_line("x", soon, {}));
    ASSERT_EQ(client->read_line(soon, {}), "x");
  }
  EXPECT_LT(watch.elapsed(), soon);
  EXPECT_FALSE(client->read_line(soon, {}));
}

}  // namespace
}  // namespace net
