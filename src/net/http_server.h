// A small HTTP/1.1 server for what is only read: GET and HEAD, one answer to a connection. For
// health checks and metrics, not for the open internet.
//
// Everything about it is bounded: 4 connections are served at a time, 16 wait, the rest are for the
// kernel to refuse; a request has 8 KiB and 5 s, an answer 10 s. The handler is called from several
// threads at once. Destroyed, it ends its connections and waits for its threads.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace net {

struct Answer {
  int status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

class HttpServer {
 public:
  // Given the path of the request, without its query.
  using Handler = std::function<Answer(const std::string& path)>;
  // Listens at once. `port` 0: any free one. Throws invalid for what is no address of this host,
  // conflict when the port is taken, denied.
  HttpServer(const std::string& host, int port, Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const { return port_; }

 private:
  void serve_connections();
  void serve(int socket) const;

  Handler handler_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> threads_;
};

}  // namespace net
