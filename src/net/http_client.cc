#include "net/http_client.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <exception>

#include "base/error.h"
#include "net/late_curl.h"

namespace net {

using base::ErrorKind;

namespace {

constexpr long buffer_bytes = 256L * 1024;  // of libcurl, each way, for each connection

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

}  // namespace

void Headers::set(std::string name, std::string value) {
  std::erase_if(list_, [&](const auto& header) { return same_name(header.first, name); });
  add(std::move(name), std::move(value));
}

std::optional<std::string> Headers::find(std::string_view name) const {
  for (const auto& [other, value] : list_) {
    if (same_name(other, name)) return value;
  }
  return std::nullopt;
}

std::string Request::shown() const {
  return path_is_secret ? fmt::format("http{}://{}/...", url.tls ? "s" : "", url.host)
                        : url.shown();
}

struct HttpClient::Lane {
  Lane() : easy(curl().easy_init()), multi(curl().multi_init()) {
    CHECK(easy != nullptr && multi != nullptr);
  }
  ~Lane() {
    curl().easy_cleanup(easy);
    curl().multi_cleanup(multi);
  }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  CURL* const easy;
  CURLM* const multi;
  bool has_served = false;  // and may have kept a connection
  curl_socket_t socket = CURL_SOCKET_BAD;

  static int on_open(void* self, curl_socket_t opened, curlsocktype) {
    static_cast<Lane*>(self)->socket = opened;
    return CURL_SOCKOPT_OK;
  }
  static int on_close(void* self, curl_socket_t closed) {
    Lane& lane = *static_cast<Lane*>(self);
    if (lane.socket == closed) lane.socket = CURL_SOCKET_BAD;
    return ::close(closed);
  }
};

// One request and its answer. libcurl calls back into it; nothing is thrown through C.
class Exchange {
 public:
  Exchange(const HttpClient::Options& options, HttpClient::Lane& lane, const Request& request)
      : options_(options), request_(request), easy_(lane.easy), multi_(lane.multi), lane_(lane) {
    curl().easy_reset(easy_);  // keeps the connection
    set_up();
  }
  ~Exchange() {
    if (added_) curl().multi_remove_handle(multi_, easy_);
    curl().slist_free_all(header_lines_);
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  void run(const std::stop_token& stop);
  // Whether the connection may serve another request: not if the server answered before it had
  // all of the body, for what is left of it would be taken for the next request.
  bool is_clean() const { return finished_ && given_ == body_bytes(); }

  Response response;

 private:
  uint64_t body_bytes() const {
    return request_.source ? request_.source_bytes : request_.body.size();
  }
  bool has_body() const {
    return body_bytes() > 0 || request_.method == "PUT" || request_.method == "POST";
  }
  template <typename Value>
  void set(CURLoption option, Value value) {
    CHECK(curl().easy_setopt(easy_, option, value) == CURLE_OK);
  }
  void set_up();
  void set_headers();
  void set_timeouts();
  [[noreturn]] void throw_result(CURLcode code);
  // Runs `work` of ours on behalf of libcurl; what it throws is kept for run().
  template <typename Result, typename Work>
  Result guarded(Result when_it_throws, Work&& work) {
    try {
      return work();
    } catch (...) {
      failure_ = std::current_exception();
      return when_it_throws;
    }
  }
  static size_t on_send(char* out, size_t one, size_t room, void* self);
  static int on_seek(void* self, curl_off_t offset, int origin);
  static size_t on_header(char* bytes, size_t one, size_t count, void* self);
  static size_t on_body(char* bytes, size_t one, size_t count, void* self);
  void take_header(std::string_view line);
  void take_body(base::ByteView piece);
  void acknowledge_at_once() const;

  const HttpClient::Options& options_;
  const Request& request_;
  CURL* const easy_;
  CURLM* const multi_;
  HttpClient::Lane& lane_;
  curl_slist* header_lines_ = nullptr;
  std::array<char, CURL_ERROR_SIZE> words_{};
  uint64_t given_ = 0;  // of the body
  std::exception_ptr failure_;
  bool has_body_begun_ = false;
  bool added_ = false;
  bool finished_ = false;
};

void Exchange::set_up() {
  set(CURLOPT_URL, request_.url.text().c_str());
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L);  // a stop does not wait for a name server
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_BUFFERSIZE, buffer_bytes);
  set(CURLOPT_UPLOAD_BUFFERSIZE, buffer_bytes);
  set(CURLOPT_USERAGENT, "seawall");
  set(CURLOPT_ERRORBUFFER, words_.data());
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (!options_.ca_file.empty()) set(CURLOPT_CAINFO, options_.ca_file.c_str());
  if (request_.past_proxies) set(CURLOPT_NOPROXY, "*");
  set(CURLOPT_SOCKOPTFUNCTION, &HttpClient::Lane::on_open);
  set(CURLOPT_SOCKOPTDATA, &lane_);
  set(CURLOPT_CLOSESOCKETFUNCTION, &HttpClient::Lane::on_close);
  set(CURLOPT_CLOSESOCKETDATA, &lane_);
  set(CURLOPT_HEADERFUNCTION, &Exchange::on_header);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_WRITEFUNCTION, &Exchange::on_body);
  set(CURLOPT_WRITEDATA, this);
  if (request_.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  } else if (has_body()) {
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(body_bytes()));
    set(CURLOPT_READFUNCTION, &Exchange::on_send);
    set(CURLOPT_READDATA, this);
    set(CURLOPT_SEEKFUNCTION, &Exchange::on_seek);
    set(CURLOPT_SEEKDATA, this);
  }
  set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  set_headers();
  set_timeouts();
}

void Exchange::set_headers() {
  const auto add = [this](const std::string& line) {
    curl_slist* const longer = curl().slist_append(header_lines_, line.c_str());
    CHECK(longer != nullptr);
    header_lines_ = longer;
  };
  for (const auto& [name, value] : request_.headers) {
    const std::string line = value.empty() ? name + ";" : name + ": " + value;
    if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
      throw base::error(ErrorKind::invalid, "header {} has a line break in it", trimmed(name));
    add(line);
  }
  // libcurl would wait for a "100 Continue" that some servers send late or never, and after an
  // early error would not know whether they still wait for the body.
  add("Expect:");
  set(CURLOPT_HTTPHEADER, header_lines_);
}

void Exchange::set_timeouts() {
  const Timeouts& timeouts = request_.timeouts ? *request_.timeouts : options_.timeouts;
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(timeouts.connect.count()));
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(timeouts.stall.count()));
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(timeouts.whole.count()));
}

size_t Exchange::on_send(char* out, size_t one, size_t room, void* self) {
  Exchange& exchange = *static_cast<Exchange*>(self);
  return exchange.guarded<size_t>(CURL_READFUNC_ABORT, [&]() -> size_t {
    const size_t wanted = std::min<uint64_t>(one * room, exchange.body_bytes() - exchange.given_);
    size_t count = wanted;
    if (exchange.request_.source) {
      count =
          wanted == 0 ? 0 : exchange.request_.source({reinterpret_cast<std::byte*>(out), wanted});
      CHECK(count <= wanted);
    } else if (wanted > 0) {
      std::memcpy(out, exchange.request_.body.data() + exchange.given_, wanted);
    }
    exchange.given_ += count;
    return count;
  });
}

// libcurl asks for it when a kept connection turned out to be closed and it sends once more.
int Exchange::on_seek(void* self, curl_off_t offset, int origin) {
  Exchange& exchange = *static_cast<Exchange*>(self);
  if (exchange.request_.source || origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  exchange.given_ = static_cast<uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
}

size_t Exchange::on_header(char* bytes, size_t one, size_t count, void* self) {
  return static_cast<Exchange*>(self)->guarded<size_t>(0, [&] {
    static_cast<Exchange*>(self)->take_header({bytes, one * count});
    return one * count;
  });
}

void Exchange::take_header(std::string_view line) {
  if (line.starts_with("HTTP/")) {  // also after a "100 Continue"
    response.headers.clear();
    long status = 0;
    curl().easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    response.status = static_cast<int>(status);
    return;
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;  // the empty line at the end
  response.headers.add(std::string(trimmed(line.substr(0, colon))),
                       std::string(trimmed(line.substr(colon + 1))));
}

size_t Exchange::on_body(char* bytes, size_t one, size_t count, void* self) {
  return static_cast<Exchange*>(self)->guarded<size_t>(0, [&] {
    static_cast<Exchange*>(self)->take_body(base::as_bytes(std::string_view(bytes, one * count)));
    return one * count;
  });
}

void Exchange::take_body(base::ByteView piece) {
  if (piece.empty()) return;
  has_body_begun_ = true;
  if (request_.sink && response.ok()) {
    request_.sink(response, piece);
    return;
  }
  if (response.body.size() + piece.size() > request_.body_bytes_max) {
    throw base::error(ErrorKind::corrupt, "{} answers with more than {} bytes", request_.shown(),
                      request_.body_bytes_max);
  }
  base::append(response.body, piece);
}

void Exchange::run(const std::stop_token& stop) {
  base::while_doing(request_.method + " " + request_.shown(), [&] {
    const auto check = [](CURLMcode code) {
      if (code != CURLM_OK) throw base::Error(ErrorKind::unavailable, curl().multi_strerror(code));
    };
    const std::stop_callback wake(stop, [this] { curl().multi_wakeup(multi_); });
    check(curl().multi_add_handle(multi_, easy_));
    added_ = true;
    for (int running = 1; running > 0;) {
      if (stop.stop_requested()) throw base::Error(ErrorKind::cancelled, "stopped");
      check(curl().multi_perform(multi_, &running));
      if (running > 0 && !has_body_begun_) acknowledge_at_once();
      if (running > 0) check(curl().multi_poll(multi_, nullptr, 0, 1000, nullptr));
    }
    int left = 0;
    const CURLMsg* const message = curl().multi_info_read(multi_, &left);
    CHECK(message != nullptr && message->msg == CURLMSG_DONE);
    if (failure_) std::rethrow_exception(failure_);
    if (message->data.result != CURLE_OK) throw_result(message->data.result);
    finished_ = true;
    // libcurl does not tell whether it found the kept connection closed before or after it had
    // sent the request over it.
    long connects = 0;
    curl().easy_getinfo(easy_, CURLINFO_NUM_CONNECTS, &connects);
    response.maybe_sent_twice = lane_.has_served && connects > 0;
    lane_.has_served = true;
  });
}

// Some servers send the head of an answer and wait for it to be acknowledged before they send the
// body, which the kernel puts off for 40 ms: eight times what a small read takes. The kernel
// forgets the setting, so it is made again until the body begins: long ones cost fewer packets
// without.
void Exchange::acknowledge_at_once() const {
  if (lane_.socket == CURL_SOCKET_BAD) return;
  const int on = 1;
  setsockopt(lane_.socket, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);  // as well as it can
}

void Exchange::throw_result(CURLcode code) {
  const char* const words = words_[0] != '\0' ? words_.data() : curl().easy_strerror(code);
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
      throw base::Error(ErrorKind::denied, words,
                        "where the server's certificate is signed by an authority of your own, "
                        "name that authority's file (ca_file, or AWS_CA_BUNDLE)");
    case CURLE_SSL_CACERT_BADFILE:
      throw base::Error(ErrorKind::invalid, words, "the file of authorities must be readable PEM");
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      throw base::Error(ErrorKind::invalid, words);
    default:
      throw base::Error(ErrorKind::unavailable, words);
  }
}

HttpClient::HttpClient(Options options) : options_(std::move(options)) {}
HttpClient::~HttpClient() = default;

std::unique_ptr<HttpClient::Lane> HttpClient::take_lane() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Lane> lane = std::move(idle_.back());
      idle_.pop_back();
      return lane;
    }
  }
  return std::make_unique<Lane>();
}

void HttpClient::give_back(std::unique_ptr<Lane> lane) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < options_.idle_connections_max) idle_.push_back(std::move(lane));
}

Response HttpClient::send(const Request& request, std::stop_token stop) {
  if (stop.stop_requested()) throw base::Error(ErrorKind::cancelled, "stopped");
  std::unique_ptr<Lane> lane = take_lane();
  Response response;
  bool clean = false;
  {
    Exchange exchange(options_, *lane, request);
    exchange.run(stop);
    clean = exchange.is_clean();
    response = std::move(exchange.response);
  }
  if (clean) give_back(std::move(lane));
  return response;
}

}  // namespace net
