// HTTP/1.1 as a client, over libcurl: connections kept and used again, certificates verified.
//
// A client is safe to share between threads; each request runs on its caller's thread, over a
// connection of its own while it lasts. Proxies are taken from https_proxy and no_proxy, as curl
// does. Redirects are never followed: an answer is an answer. No message ever holds a query, a
// header or a body.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "net/url.h"

namespace net {

// In the order given; names compare without case.
class Headers {
 public:
  using List = std::vector<std::pair<std::string, std::string>>;
  Headers() = default;
  Headers(std::initializer_list<List::value_type> list) : list_(list) {}
  void add(std::string name, std::string value) { list_.emplace_back(name, value); }
  void set(std::string name, std::string value);                 // in place of any of that name
  std::optional<std::string> find(std::string_view name) const;  // the first of that name
  List::const_iterator begin() const { return list_.begin(); }
  List::const_iterator end() const { return list_.end(); }
  void clear() { list_.clear(); }

 private:
  List list_;
};

struct Timeouts {
  std::chrono::milliseconds connect{10'000};  // name, TCP and TLS together
  std::chrono::seconds stall{60};             // no byte in either direction for so long
  std::chrono::milliseconds whole{0};         // from begin to end; 0: no bound but `stall`
};

struct Response {
  int status = 0;
  Headers headers;
  base::Bytes body;
  // A kept connection turned out to be closed, and the request was sent over a new one: the server
  // may have had, and carried out, the first as well.
  bool maybe_sent_twice = false;

  bool ok() const { return status >= 200 && status < 300; }
  std::string_view text() const { return base::as_text(body); }
};

struct Request {
  std::string method = "GET";
  Url url;
  Headers headers;      // besides Host and Content-Length, which follow from the rest
  base::ByteView body;  // borrowed until send() returns
  // In place of `body`: fills its argument as far as it can and returns how much, until
  // `source_bytes` are given. What it throws ends the request and leaves send().
  std::function<size_t(base::ByteSpan)> source;
  uint64_t source_bytes = 0;
  // Takes the body of an answer that is ok() piece by piece, with status and headers as they came;
  // without one, and for other answers, the body is gathered in Response::body. What it throws
  // ends the request and leaves send().
  std::function<void(const Response& head, base::ByteView piece)> sink;
  uint64_t body_bytes_max = 16 * base::MiB;  // of a gathered body; longer is corrupt
  std::optional<Timeouts> timeouts;          // in place of the client's
  bool past_proxies = false;                 // for addresses of this host's own network
  bool path_is_secret = false;               // as of webhooks: messages name the host only

  std::string shown() const;  // the URL, for messages
};

class HttpClient {
 public:
  struct Options {
    std::string ca_file;  // PEM, in place of the system's authorities; empty: those
    Timeouts timeouts;
    size_t idle_connections_max = 64;  // kept for the next request; those above are closed
  };
  explicit HttpClient(Options options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // The answer, whatever its status. Throws unavailable when none came whole (no name, no
  // connection, reset, stall, truncated: the server may have acted nevertheless); denied when
  // its certificate does not hold; invalid for what cannot be sent; cancelled soon after `stop`.
  Response send(const Request& request, std::stop_token stop);

 private:
  friend class Exchange;
  struct Lane;  // one of libcurl's handles, with the connection that it keeps
  std::unique_ptr<Lane> take_lane();
  void give_back(std::unique_ptr<Lane> lane);

  const Options options_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Lane>> idle_;  // the last one used is taken first
};

}  // namespace net
