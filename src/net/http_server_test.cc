#include "net/http_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/task_group.h"
#include "base/time.h"

namespace net {
namespace {

Answer say(const std::string& path) {
  if (path == "/throw") throw std::runtime_error("secret words");
  if (path == "/long")
    return {.status = 200, .type = "text/plain", .body = std::string(3'000'000, 'x')};
  return {
      .status = path == "/absent" ? 404 : 200, .type = "text/plain", .body = "you said " + path};
}

class HttpServerTest : public testing::Test {
 protected:
  HttpServer server_{"127.0.0.1", 0, say};

  int connect() const {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(server_.port()));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return socket;
  }

  // All that comes back for these bytes.
  std::string exchange(const std::string& bytes) const {
    const int socket = connect();
    EXPECT_EQ(::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
    std::string answer;
    std::array<char, 65536> piece{};
    for (ssize_t count; (count = ::recv(socket, piece.data(), piece.size(), 0)) > 0;)
      answer.append(piece.data(), static_cast<size_t>(count));
    ::close(socket);
    return answer;
  }

  std::string get(const std::string& path) const {
    return exchange("GET " + path + " HTTP/1.1\r\nHost: here\r\n\r\n");
  }
};

TEST_F(HttpServerTest, answers_a_path_without_its_query) {
  const std::string answer = get("/healthz?verbose=1");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_NE(answer.find("Content-Length: 17\r\n"), std::string::npos) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\nyou said /healthz")) << answer;
  EXPECT_TRUE(get("/absent").starts_with("HTTP/1.1 404 Not Found"));
}

TEST_F(HttpServerTest, leaves_the_body_out_of_an_answer_to_head) {
  const std::string answer = exchange("HEAD /x HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
}

TEST_F(HttpServerTest, sends_what_is_larger_than_a_socket_holds) {
  const std::string answer = get("/long");
  EXPECT_EQ(answer.size() - answer.find("\r\n\r\n") - 4, 3'000'000u);
}

TEST_F(HttpServerTest, refuses_what_it_does_not_know) {
  EXPECT_TRUE(exchange("POST /x HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405"));
  EXPECT_TRUE(exchange("nonsense\r\n\r\n").starts_with("HTTP/1.1 400"));
  EXPECT_TRUE(exchange("GET x HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 400"));
  EXPECT_TRUE(exchange("GET /x SMTP\r\n\r\n").starts_with("HTTP/1.1 400"));
  EXPECT_EQ(exchange("GET /" + std::string(8192, 'x')), "");
}

TEST_F(HttpServerTest, tells_nothing_of_a_failure_inside) {
  const std::string answer = get("/throw");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 500"));
  EXPECT_EQ(answer.find("secret"), std::string::npos);
}

TEST_F(HttpServerTest, serves_many_at_once_and_more_behind_each_other) {
  base::TaskGroup tasks({});
  std::atomic<int> good = 0;
  tasks.spawn("client", 16, [&](const std::stop_token&) {
    for (int i = 0; i < 20; ++i) good += get("/x").ends_with("you said /x") ? 1 : 0;
  });
  tasks.join();
  EXPECT_EQ(good, 320);
}

TEST_F(HttpServerTest, a_client_that_says_nothing_does_not_keep_it_from_ending) {
  const int silent = connect();
  EXPECT_TRUE(get("/x").ends_with("you said /x"));
  const base::Stopwatch watch;
  { HttpServer other("127.0.0.1", 0, say); }
  EXPECT_LT(watch.seconds(), 3);
  ::close(silent);
}

TEST_F(HttpServerTest, says_that_a_port_is_taken_and_an_address_none_of_ours) {
  try {
    const HttpServer again("127.0.0.1", server_.port(), say);
    FAIL();
  } catch (const base::Error& failure) {
    EXPECT_EQ(failure.kind(), base::ErrorKind::conflict);
  }
  EXPECT_THROW(HttpServer("no such host.invalid", 0, say), base::Error);
}

}  // namespace
}  // namespace net
