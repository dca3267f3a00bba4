#include "net/http_client.h"

#include <thread>

#include "base/process.h"
#include "net/retry.h"
#include "testing/dice.h"
#include "testing/errors.h"
#include "testing/http_server.h"

namespace net {
namespace {

using testing::HttpAnswer;
using Fault = HttpAnswer::Fault;
using namespace std::chrono_literals;

testing::HttpServer::Handler always(HttpAnswer answer) {
  return [answer](const testing::HttpRequest&) { return answer; };
}

Request to(const testing::HttpServer& server, const std::string& path = "/") {
  Request request;
  request.url = Url::parse(server.url());
  request.url.path = path;
  return request;
}

TEST(HttpClient, brings_status_headers_and_body) {
  testing::HttpServer server(always({404, "no such thing", {{"X-Reason", " because "}}}));
  HttpClient client({});
  const Response answer = client.send(to(server), {});
  EXPECT_EQ(answer.status, 404);
  EXPECT_FALSE(answer.ok());
  EXPECT_EQ(answer.text(), "no such thing");
  EXPECT_EQ(answer.headers.find("x-reason"), "because");
  EXPECT_FALSE(answer.headers.find("x-other"));
}

TEST(HttpClient, sends_the_path_and_query_as_they_are) {
  testing::HttpServer server(always({}));
  HttpClient client({});
  Request request = to(server, "/a/../b//c/./%41%2F");
  request.url.query = {{"uploads", ""}, {"key", "a/b c"}};
  client.send(request, {});
  EXPECT_EQ(server.requests()[0].target, "/a/../b//c/./%41%2F?uploads&key=a%2Fb%20c");
}

TEST(HttpClient, sends_bodies_of_every_size_with_their_length) {
  testing::HttpServer server(always({}));
  HttpClient client({});
  testing::Dice dice;
  for (const size_t size : {0, 1, 65536, 3'000'001}) {
    const base::Bytes body = dice.noise(size);
    Request request = to(server);
    request.method = "PUT";
    request.body = body;
    client.send(request, {});
    const testing::HttpRequest got = server.requests().back();
    EXPECT_EQ(got.header("content-length"), std::to_string(size));
    EXPECT_EQ(got.header("expect"), "");
    EXPECT_TRUE(base::to_bytes(got.body) == body);
  }
}

TEST(HttpClient, sends_a_body_as_it_is_made) {
  testing::HttpServer server(always({}));
  HttpClient client({});
  Request request = to(server);
  request.method = "POST";
  request.source_bytes = 1'000'000;
  request.source = [](base::ByteSpan out) {
    const size_t count = std::min<size_t>(out.size(), 777);
    std::fill_n(out.begin(), count, std::byte{'x'});
    return count;
  };
  client.send(request, {});
  EXPECT_EQ(server.requests()[0].body, std::string(1'000'000, 'x'));
}

TEST(HttpClient, hands_a_good_body_to_the_sink_and_keeps_others) {
  HttpAnswer answer{200, std::string(500'000, 'y')};
  testing::HttpServer server([&](const testing::HttpRequest&) { return answer; });
  HttpClient client({});
  std::string got;
  Request request = to(server);
  request.body_bytes_max = 10;
  request.sink = [&](const Response& head, base::ByteView piece) {
    EXPECT_EQ(head.status, 200);
    EXPECT_TRUE(head.headers.find("content-length"));
    got += base::as_text(piece);
  };
  EXPECT_TRUE(client.send(request, {}).body.empty());
  EXPECT_EQ(got, answer.body);
  answer = {503, "slow down"};
  EXPECT_EQ(client.send(request, {}).text(), "slow down");
}

TEST(HttpClient, lets_through_what_a_sink_throws) {
  testing::HttpServer server(always({200, "body"}));
  HttpClient client({});
  Request request = to(server);
  request.sink = [](const Response&, base::ByteView) {
    throw base::Error(base::ErrorKind::full, "no room");
  };
  EXPECT_ERROR(full, client.send(request, {}));
  EXPECT_EQ(client.send(to(server), {}).text(), "body");
}

TEST(HttpClient, refuses_a_gathered_body_beyond_its_bound) {
  testing::HttpServer server(always({200, "12345678901"}));
  HttpClient client({});
  Request request = to(server);
  request.body_bytes_max = 10;
  EXPECT_ERROR(corrupt, client.send(request, {}));
}

TEST(HttpClient, uses_a_connection_again) {
  testing::HttpServer server(always({200, "x"}));
  HttpClient client({});
  for (int i = 0; i < 20; ++i) client.send(to(server), {});
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClient, sends_again_what_met_a_connection_that_was_closed_meanwhile) {
  testing::HttpServer server(always({.status = 200, .body = "x", .close = true}));
  HttpClient client({});
  Request request = to(server);
  request.method = "PUT";
  request.body = base::as_bytes("a body");
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(client.send(request, {}).status, 200);
    EXPECT_EQ(server.requests().back().body, "a body");
  }
}

TEST(HttpClient, says_when_a_request_may_have_come_twice) {
  HttpAnswer answer{200, "x"};
  testing::HttpServer server([&](const testing::HttpRequest&) {
    return std::exchange(answer, {200, "x"});
  });
  HttpClient client({});
  for (const std::string body : {"a body", ""}) {
    Request request = to(server);
    request.method = "PUT";
    request.body = base::as_bytes(body);
    EXPECT_FALSE(client.send(request, {}).maybe_sent_twice);
    EXPECT_FALSE(client.send(request, {}).maybe_sent_twice);
    const size_t before = server.requests().size();
    answer.fault = Fault::reset;  // after it was carried out
    EXPECT_TRUE(client.send(request, {}).maybe_sent_twice);
    EXPECT_EQ(server.requests().size(), before + 2);
  }
}

TEST(HttpClient, drops_a_connection_whose_body_was_answered_before_it_was_sent) {
  testing::HttpServer server(always({200, "late"}), [](const testing::HttpRequest& request) {
    return request.method == "PUT" ? std::optional(HttpAnswer{403, "early"}) : std::nullopt;
  });
  HttpClient client({});
  const base::Bytes body(32 * base::MiB);
  Request put = to(server);
  put.method = "PUT";
  put.body = body;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(client.send(put, {}).text(), "early");
    EXPECT_EQ(client.send(to(server), {}).text(), "late");
  }
}

TEST(HttpClient, finds_truncated_reset_and_stalled_answers_unavailable) {
  HttpAnswer answer{200, "0123456789"};
  testing::HttpServer server([&](const testing::HttpRequest&) { return answer; });
  HttpClient client({.timeouts = {.stall = 1s}});
  for (const Fault fault : {Fault::truncate, Fault::reset, Fault::stall}) {
    answer.fault = fault;
    EXPECT_ERROR(unavailable, client.send(to(server), {}));
  }
  answer.fault = Fault::none;
  EXPECT_EQ(client.send(to(server), {}).text(), "0123456789");
}

TEST(HttpClient, keeps_to_the_time_for_the_whole) {
  testing::HttpServer server(always({200, std::string(1000, 'z'), {}, Fault::dribble}));
  HttpClient client({.timeouts = {.whole = 300ms}});
  const base::Stopwatch watch;
  EXPECT_ERROR(unavailable, client.send(to(server), {}));
  EXPECT_LT(watch.seconds(), 5);
}

TEST(HttpClient, ends_at_once_when_asked_to_stop) {
  testing::HttpServer server(always({.fault = Fault::stall}));
  HttpClient client({});
  std::stop_source stop;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(100ms);
    stop.request_stop();
  });
  const base::Stopwatch watch;
  EXPECT_ERROR(cancelled, client.send(to(server), stop.get_token()));
  EXPECT_LT(watch.seconds(), 3);
  EXPECT_ERROR(cancelled, client.send(to(server), stop.get_token()));
}

TEST(HttpClient, follows_no_redirect) {
  testing::HttpServer server(always({301, "", {{"Location", "http://127.0.0.1:1/"}}}));
  HttpClient client({});
  EXPECT_EQ(client.send(to(server), {}).status, 301);
}

TEST(HttpClient, tells_no_query_and_sends_no_broken_header) {
  HttpClient client({});
  Request request;
  request.url = Url::parse("http://127.0.0.1:1/path?X-Amz-Signature=secret");
  const base::Error failure = testing::error_of([&] { client.send(request, {}); });
  EXPECT_EQ(failure.kind(), base::ErrorKind::unavailable);
  EXPECT_NE(failure.message().find("http://127.0.0.1:1/path"), std::string::npos);
  EXPECT_EQ(failure.message().find("secret"), std::string::npos);
  request.headers = {{"X-Token", "two\r\nlines"}};
  EXPECT_ERROR(invalid, client.send(request, {}));
}

TEST(HttpClient, serves_many_threads) {
  testing::HttpServer server([](const testing::HttpRequest& request) {
    return HttpAnswer{200, request.target};
  });
  HttpClient client({});
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < 50; ++j) {
        const std::string path = fmt::format("/{}/{}", i, j);
        EXPECT_EQ(client.send(to(server, path), {}).text(), path);
      }
    });
  }
  threads.clear();
  EXPECT_LE(server.connections(), 8);
}

// A TLS server of OpenSSL's, with a certificate of its own making for 127.0.0.1.
class TlsServer {
 public:
  TlsServer() {
    const std::string key = (folder_.path() / "key.pem").string();
    base::run_or_throw({{"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key,
                         "-out", certificate(), "-days", "2", "-subj", "/CN=seawall test",
                         "-addext", "subjectAltName=IP:127.0.0.1"}});
    server_.emplace(
        base::Process::start({{"openssl", "s_server", "-accept", "127.0.0.1:0", "-naccept", "1000",
                               "-www", "-cert", certificate(), "-key", key}}));
    std::string said;
    while (said.find('\n') == std::string::npos || said.find("ACCEPT") == std::string::npos) {
      char piece[512];
      const size_t count =
          server_->output().read_some(std::as_writable_bytes(std::span(piece, sizeof piece)));
      if (count == 0) throw base::Error(base::ErrorKind::unavailable, "openssl: " + said);
      said.append(piece, count);
    }
    const size_t colon = said.find("127.0.0.1:");
    port_ = said.substr(colon + 10, said.find('\n', colon) - colon - 10);
  }
  std::string certificate() const { return (folder_.path() / "cert.pem").string(); }
  Url url() const { return Url::parse("https://127.0.0.1:" + port_); }

 private:
  base::TemporaryFolder folder_;
  std::optional<base::Process> server_;
  std::string port_;
};

TEST(HttpClient, trusts_only_whom_it_was_told_to) {
  TlsServer server;
  Request request;
  request.url = server.url();
  HttpClient told({.ca_file = server.certificate()});
  EXPECT_EQ(told.send(request, {}).status, 200);
  HttpClient untold({});
  const base::Error failure = testing::error_of([&] { untold.send(request, {}); });
  EXPECT_EQ(failure.kind(), base::ErrorKind::denied);
  EXPECT_NE(failure.hint(), "");
  HttpClient misled({.ca_file = "/nowhere/ca.pem"});
  EXPECT_ERROR(invalid, misled.send(request, {}));
}

TEST(Retry, ends_with_its_attempts_and_with_what_is_not_passing) {
  int calls = 0;
  const auto fail_with = [&](base::ErrorKind kind) {
    return [&calls, kind](unsigned attempt) -> int {
      EXPECT_EQ(static_cast<int>(attempt), ++calls);
      throw base::Error(kind, "no");
    };
  };
  const RetryLimits limits{.first_pause = 1ms, .longest_pause = 2ms, .attempts_max = 5};
  EXPECT_ERROR(unavailable, retrying(limits, {}, fail_with(base::ErrorKind::unavailable)));
  EXPECT_EQ(calls, 5);
  calls = 0;
  EXPECT_ERROR(denied, retrying(limits, {}, fail_with(base::ErrorKind::denied)));
  EXPECT_EQ(calls, 1);
}

TEST(Retry, ends_at_its_deadline_and_when_asked_to_stop) {
  const RetryLimits limits{.deadline = 200ms, .first_pause = 20ms, .attempts_max = 1000};
  const base::Stopwatch watch;
  const auto fail = [](unsigned) -> int { throw base::Error(base::ErrorKind::unavailable, "no"); };
  EXPECT_ERROR(unavailable, retrying(limits, {}, fail));
  EXPECT_LT(watch.seconds(), 2);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_ERROR(cancelled, retrying(limits, stop.get_token(), fail));
}

}  // namespace
}  // namespace net
