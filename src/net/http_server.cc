#include "net/http_server.h"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <optional>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/time.h"

namespace net {

namespace {

using base::Duration;
using base::Error;
using base::ErrorKind;

constexpr int threads_max = 4;
constexpr int waiting_max = 16;
constexpr size_t request_bytes_max = 8 * base::KiB;
constexpr Duration request_patience = std::chrono::seconds(5);
constexpr Duration answer_patience = std::chrono::seconds(10);
constexpr Duration look_up_every = std::chrono::milliseconds(100);  // whether we are to stop

class Socket {
 public:
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int get() const { return descriptor_; }
  int release() { return std::exchange(descriptor_, -1); }

 private:
  int descriptor_;
};

std::string_view reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 503:
      return "Service Unavailable";
    default:
      return status < 500 ? "Refused" : "Internal Server Error";
  }
}

// Waits until the socket is ready; false at the end of patience, or when we are to stop.
bool ready(int socket, short events, const base::Stopwatch& watch, Duration patience,
           const std::atomic<bool>& stopping) {
  while (!stopping && watch.elapsed() < patience) {
    pollfd one{.fd = socket, .events = events, .revents = 0};
    const auto pause = std::chrono::duration_cast<std::chrono::milliseconds>(look_up_every);
    const int found = ::poll(&one, 1, static_cast<int>(pause.count()));
    if (found > 0) return true;
    if (found < 0 && errno != EINTR) return false;
  }
  return false;
}

// The head of the request; nothing when none comes.
std::optional<std::string> read_head(int socket, const std::atomic<bool>& stopping) {
  std::string head;
  const base::Stopwatch watch;
  while (head.find("\r\n\r\n") == std::string::npos) {
    if (head.size() >= request_bytes_max ||
        !ready(socket, POLLIN, watch, request_patience, stopping))
      return std::nullopt;
    std::array<char, 2048> piece{};
    const ssize_t count = ::recv(socket, piece.data(), piece.size(), MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (count <= 0) return std::nullopt;
    head.append(piece.data(), static_cast<size_t>(count));
  }
  return head;
}

void send_all(int socket, std::string_view bytes, const std::atomic<bool>& stopping) {
  const base::Stopwatch watch;
  while (!bytes.empty() && ready(socket, POLLOUT, watch, answer_patience, stopping)) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

// "GET /healthz?x HTTP/1.1"
struct RequestLine {
  std::string_view method;
  std::string path;
};

std::optional<RequestLine> parse_request_line(std::string_view head) {
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const size_t first = line.find(' ');
  const size_t second = line.rfind(' ');
  if (first == std::string_view::npos || second <= first ||
      !line.substr(second + 1).starts_with("HTTP/1."))
    return std::nullopt;
  std::string path(line.substr(first + 1, second - first - 1));
  path.resize(std::min(path.size(), path.find('?')));
  if (!path.starts_with('/')) return std::nullopt;
  return RequestLine{line.substr(0, first), std::move(path)};
}

int listen_at(const addrinfo& address) {
  Socket socket(::socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                         address.ai_protocol));
  const int yes = 1;
  if (socket.get() < 0) return -1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (::bind(socket.get(), address.ai_addr, address.ai_addrlen) != 0 ||
      ::listen(socket.get(), waiting_max) != 0)
    return -1;
  return socket.release();
}

int open_listener(const std::string& host, int port) {
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found);
  if (failed != 0) {
    throw base::error(ErrorKind::invalid, "'{}' is no address to listen at: {}", host,
                      ::gai_strerror(failed));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> free_it(found, ::freeaddrinfo);
  const int listener = listen_at(*found);
  if (listener >= 0) return listener;
  const std::string what = fmt::format("listening at {}:{}", host, port);
  if (errno == EADDRINUSE) {
    throw Error(ErrorKind::conflict, what + ": the port is taken",
                "another daemon on this host may have it: give run.listen another port");
  }
  base::throw_errno(what);
}

int port_of(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    base::throw_errno("asking for the port");
  const in_port_t port = address.ss_family == AF_INET6
                             ? reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port
                             : reinterpret_cast<const sockaddr_in*>(&address)->sin_port;
  return ntohs(port);
}

}  // namespace

HttpServer::HttpServer(const std::string& host, int port, Handler handler)
    : handler_(std::move(handler)), listener_(open_listener(host, port)) {
  port_ = port_of(listener_);
  for (int i = 0; i < threads_max; ++i) threads_.emplace_back([this] { serve_connections(); });
}

HttpServer::~HttpServer() {
  stopping_ = true;
  for (std::thread& thread : threads_) thread.join();
  ::close(listener_);
}

void HttpServer::serve_connections() {
  while (!stopping_) {
    const base::Stopwatch watch;
    if (!ready(listener_, POLLIN, watch, std::chrono::seconds(1), stopping_)) continue;
    const Socket socket(::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (socket.get() >= 0) serve(socket.get());
  }
}

void HttpServer::serve(int socket) const {
  const std::optional<std::string> head = read_head(socket, stopping_);
  if (!head) return;
  Answer answer;
  bool with_body = true;
  if (const std::optional<RequestLine> request = parse_request_line(*head); !request) {
    answer = {.status = 400, .body = "this is no request\n"};
  } else if (request->method != "GET" && request->method != "HEAD") {
    answer = {.status = 405, .body = "only GET and HEAD\n"};
  } else {
    with_body = request->method == "GET";
    try {
      answer = handler_(request->path);
    } catch (const std::exception& failure) {
      base::warn("no answer to {}: {}", request->path, failure.what());
      answer = {.status = 500, .body = "this failed; the log says why\n"};
    }
  }
  std::string text = fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n"
      "X-Content-Type-Options: nosniff\r\nConnection: close\r\n{}\r\n",
      answer.status, reason(answer.status), answer.type, answer.body.size(),
      answer.status == 405 ? "Allow: GET, HEAD\r\n" : "");
  if (with_body) text += answer.body;
  send_all(socket, text, stopping_);
  ::shutdown(socket, SHUT_WR);
}

}  // namespace net
