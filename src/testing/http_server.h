// An HTTP/1.1 server on loopback that does what a test tells it to, and misbehaves on demand: for
// faults that a real service cannot be asked for. It knows nothing of any service's rules.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace testing {

struct HttpRequest {
  std::string method;
  std::string target;                          // path and query, as sent
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;

  std::string path() const { return target.substr(0, target.find('?')); }
  std::string query() const {
    return target.find('?') == std::string::npos ? "" : target.substr(target.find('?') + 1);
  }
  std::string header(const std::string& name) const {
    const auto at = headers.find(name);
    return at == headers.end() ? "" : at->second;
  }
};

struct HttpAnswer {
  enum class Fault {
    none,
    reset,     // the connection is reset instead of an answer
    stall,     // nothing is sent until the client goes
    truncate,  // half of the body, then the connection is closed
    dribble,   // the body comes byte by byte, 20 ms between them
  };
  int status = 200;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  Fault fault = Fault::none;
  bool close = false;  // the connection, behind the answer and without saying so
};

// Destroyed, it ends all connections.
class HttpServer {
 public:
  // Called on the connection's thread with a whole request; calls come one at a time.
  using Handler = std::function<HttpAnswer(const HttpRequest&)>;
  // Called before the body is read; what it returns is the answer, and the body stays unread.
  using EarlyHandler = std::function<std::optional<HttpAnswer>(const HttpRequest&)>;
  explicit HttpServer(Handler handler, EarlyHandler early = {});
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  std::vector<HttpRequest> requests() const;  // all that came whole, in their order
  int connections() const { return connections_; }

 private:
  void accept_all();
  void serve(int socket);
  bool serve_one(int socket, std::string& buffered);
  void send_answer(int socket, const HttpRequest& request, const HttpAnswer& answer);
  void wait_for_client_to_go(int socket);

  Handler handler_;
  EarlyHandler early_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> connections_{0};
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::mutex handling_;
  std::vector<HttpRequest> requests_;
  std::set<int> sockets_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace testing
