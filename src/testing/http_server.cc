#include "testing/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "base/error.h"

namespace testing {

namespace {

bool send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

// More into `buffered`; false at the end of the connection.
bool receive(int socket, std::string& buffered) {
  char piece[64 * 1024];
  const ssize_t count = ::recv(socket, piece, sizeof piece, 0);
  if (count <= 0) return false;
  buffered.append(piece, static_cast<size_t>(count));
  return true;
}

void make_close_reset(int socket) {
  const linger now{1, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

std::optional<HttpRequest> parse_head(std::string_view head) {
  HttpRequest request;
  const size_t line_end = head.find("\r\n");
  const std::string_view line = head.substr(0, line_end);
  const size_t first = line.find(' ');
  const size_t second = line.rfind(' ');
  if (first == std::string_view::npos || second <= first) return std::nullopt;
  request.method = line.substr(0, first);
  request.target = line.substr(first + 1, second - first - 1);
  head.remove_prefix(line_end + 2);
  while (!head.empty()) {
    const std::string_view field = head.substr(0, head.find("\r\n"));
    head.remove_prefix(std::min(head.size(), field.size() + 2));
    const size_t colon = field.find(':');
    if (colon == std::string_view::npos) continue;
    std::string name(field.substr(0, colon));
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    std::string_view value = field.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    request.headers[name] = value;
  }
  return request;
}

}  // namespace

HttpServer::HttpServer(Handler handler, EarlyHandler early)
    : handler_(std::move(handler)), early_(std::move(early)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  sockaddr* const any = reinterpret_cast<sockaddr*>(&address);
  if (listener_ < 0 || ::bind(listener_, any, size) != 0 || ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, any, &size) != 0)
    base::throw_errno("starting a server on loopback");
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

HttpServer::~HttpServer() {
  stopping_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  {
    const std::lock_guard lock(mutex_);
    for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
}

std::vector<HttpRequest> HttpServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void HttpServer::accept_all() {
  while (!stopping_) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) continue;
    ++connections_;
    const std::lock_guard lock(mutex_);
    sockets_.insert(socket);
    threads_.emplace_back([this, socket] { serve(socket); });
  }
}

void HttpServer::serve(int socket) {
  std::string buffered;
  while (!stopping_ && serve_one(socket, buffered)) {
  }
  const std::lock_guard lock(mutex_);
  sockets_.erase(socket);
  ::close(socket);
}

// One request; false when the connection is to be closed.
bool HttpServer::serve_one(int socket, std::string& buffered) {
  size_t head_end = 0;
  while ((head_end = buffered.find("\r\n\r\n")) == std::string::npos) {
    if (!receive(socket, buffered)) return false;
  }
  std::optional<HttpRequest> request = parse_head(std::string_view(buffered).substr(0, head_end));
  if (!request) {
    send_all(socket, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    return false;
  }
  buffered.erase(0, head_end + 4);
  HttpAnswer answer;
  const auto early = early_ ? early_(*request) : std::nullopt;
  if (early) {
    answer = *early;
  } else {
    const std::string length = request->header("content-length");
    const size_t wanted = length.empty() ? 0 : std::stoull(length);
    while (buffered.size() < wanted) {
      if (!receive(socket, buffered)) return false;
    }
    request->body = buffered.substr(0, wanted);
    buffered.erase(0, wanted);
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(*request);
    }
    const std::lock_guard lock(handling_);
    answer = handler_(*request);
  }
  if (answer.fault == HttpAnswer::Fault::reset) {
    make_close_reset(socket);
    return false;
  }
  if (answer.fault == HttpAnswer::Fault::stall) {
    wait_for_client_to_go(socket);
    return false;
  }
  send_answer(socket, *request, answer);
  return !answer.close && answer.fault != HttpAnswer::Fault::truncate;
}

void HttpServer::wait_for_client_to_go(int socket) {
  std::string ignored;
  while (!stopping_ && receive(socket, ignored)) ignored.clear();
}

void HttpServer::send_answer(int socket, const HttpRequest& request, const HttpAnswer& answer) {
  std::string head = "HTTP/1.1 " + std::to_string(answer.status) + " Scripted\r\n";
  bool has_length = false;
  for (const auto& [name, value] : answer.headers) {
    head += name + ": " + value + "\r\n";
    has_length = has_length || name == "Content-Length";
  }
  if (!has_length) head += "Content-Length: " + std::to_string(answer.body.size()) + "\r\n";
  if (!send_all(socket, head + "\r\n") || request.method == "HEAD") return;
  switch (answer.fault) {
    case HttpAnswer::Fault::truncate:
      send_all(socket, std::string_view(answer.body).substr(0, answer.body.size() / 2));
      return;
    case HttpAnswer::Fault::dribble:
      for (const char c : answer.body) {
        if (stopping_ || !send_all(socket, std::string_view(&c, 1))) return;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
      return;
    default:
      send_all(socket, answer.body);
  }
}

}  // namespace testing
