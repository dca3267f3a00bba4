#include "net/mail.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>

#include "base/error.h"
#include "net/late_curl.h"

namespace net {

using base::Error;
using base::ErrorKind;

namespace {

constexpr size_t line_max = 76;  // of what is encoded
constexpr size_t subject_bytes_max = 300;
constexpr size_t encoded_word_max = 45;  // bytes of text in one of a subject's encoded words

std::string hex(unsigned char byte) { return fmt::format("={:02X}", byte); }

bool is_plain(unsigned char c) { return c >= 0x20 && c < 0x7F; }

// RFC 2045, 6.7, with CRLF at the ends of lines.
std::string quoted_printable(std::string_view text) {
  std::string out;
  size_t column = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '\n') {
      out += "\r\n";
      column = 0;
      continue;
    }
    const bool ends_line = i + 1 == text.size() || text[i + 1] == '\n';
    const bool as_it_is = is_plain(c) && c != '=' && !(c == ' ' && ends_line);
    const std::string piece = as_it_is ? std::string(1, text[i]) : hex(c);
    if (column + piece.size() > line_max - 1) {
      out += "=\r\n";
      column = 0;
    }
    out += piece;
    column += piece.size();
  }
  return out;
}

// RFC 2047 where it is not plain ASCII.
std::string encoded_subject(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  if (text.size() > subject_bytes_max) {
    size_t end = subject_bytes_max;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text = text.substr(0, end) + "...";
  }
  if (std::ranges::all_of(text, [](char c) { return is_plain(static_cast<unsigned char>(c)); }))
    return text;
  std::string out;
  std::string word;
  size_t bytes = 0;
  const auto end_word = [&] {
    if (!out.empty()) out += "\r\n ";
    out += "=?UTF-8?Q?" + word + "?=";
    word.clear();
    bytes = 0;
  };
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool begins_character = (byte & 0xC0) != 0x80;
    if (word.size() > encoded_word_max && begins_character) end_word();
    const bool alone = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    word += alone ? std::string(1, c) : c == ' ' ? "_" : hex(byte);
    ++bytes;
  }
  if (bytes > 0) end_word();
  return out;
}

void require_address(const std::string& address) {
  const bool bad =
      address.find('@') == std::string::npos || std::ranges::any_of(address, [](char c) {
        return !is_plain(static_cast<unsigned char>(c)) || c == ' ' || c == '<' || c == '>' ||
               c == ',';
      });
  if (bad) throw base::error(ErrorKind::invalid, "'{}' is not an address of mail", address);
}

std::string rfc5322_date(std::chrono::system_clock::time_point date) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(date);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 64> text{};
  const size_t size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S +0000", &utc);
  return {text.data(), size};
}

// One mail on its way. libcurl calls back into it; nothing is thrown through C.
class Sending {
 public:
  Sending(const MailServer& server, const Mail& mail)
      : easy_(curl().easy_init()),
        multi_(curl().multi_init()),
        message_(compose(mail, std::chrono::system_clock::now())) {
    CHECK(easy_ != nullptr && multi_ != nullptr);
    from_ = "<" + mail.from + ">";
    for (const std::string& to : mail.to) {
      recipients_ = curl().slist_append(recipients_, ("<" + to + ">").c_str());
      CHECK(recipients_ != nullptr);
    }
    set_up(server);
  }
  ~Sending() {
    curl().multi_remove_handle(multi_, easy_);
    curl().easy_cleanup(easy_);
    curl().multi_cleanup(multi_);
    curl().slist_free_all(recipients_);
  }
  Sending(const Sending&) = delete;
  Sending& operator=(const Sending&) = delete;

  void run(const std::stop_token& stop) {
    const auto check = [](CURLMcode code) {
      if (code != CURLM_OK) throw Error(ErrorKind::unavailable, curl().multi_strerror(code));
    };
    const std::stop_callback wake(stop, [this] { curl().multi_wakeup(multi_); });
    check(curl().multi_add_handle(multi_, easy_));
    for (int running = 1; running > 0;) {
      if (stop.stop_requested()) throw Error(ErrorKind::cancelled, "stopped");
      check(curl().multi_perform(multi_, &running));
      if (running > 0) check(curl().multi_poll(multi_, nullptr, 0, 1000, nullptr));
    }
    int left = 0;
    const CURLMsg* const message = curl().multi_info_read(multi_, &left);
    CHECK(message != nullptr && message->msg == CURLMSG_DONE);
    if (message->data.result != CURLE_OK) throw_result(message->data.result);
  }

 private:
  template <typename Value>
  void set(CURLoption option, Value value) {
    CHECK(curl().easy_setopt(easy_, option, value) == CURLE_OK);
  }

  void set_up(const MailServer& server) {
    set(CURLOPT_URL, server.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_QUICK_EXIT, 1L);
    set(CURLOPT_NOPROXY, "*");
    set(CURLOPT_USE_SSL,
        static_cast<long>(is_loopback(server.url) ? CURLUSESSL_TRY : CURLUSESSL_ALL));
    if (!server.ca_file.empty()) {
      set(CURLOPT_CAINFO, server.ca_file.c_str());
    } else if (is_loopback(server.url)) {
      // On this host itself a certificate for another name is usual, and nobody listens in between.
      set(CURLOPT_SSL_VERIFYHOST, 0L);
      set(CURLOPT_SSL_VERIFYPEER, 0L);
    }
    if (!server.user.empty()) set(CURLOPT_USERNAME, server.user.c_str());
    if (!server.password.empty()) set(CURLOPT_PASSWORD, server.password.c_str());
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(server.timeout.count() * 1000));
    set(CURLOPT_ERRORBUFFER, words_.data());
    set(CURLOPT_MAIL_FROM, from_.c_str());
    set(CURLOPT_MAIL_RCPT, recipients_);
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_READFUNCTION, &Sending::on_send);
    set(CURLOPT_READDATA, this);
  }

  static size_t on_send(char* out, size_t one, size_t room, void* self) {
    Sending& sending = *static_cast<Sending*>(self);
    const size_t count = sending.message_.copy(out, one * room, sending.given_);
    sending.given_ += count;
    return count;
  }

  [[noreturn]] void throw_result(CURLcode code) {
    const char* const words = words_[0] != '\0' ? words_.data() : curl().easy_strerror(code);
    long status = 0;
    curl().easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    switch (code) {
      case CURLE_LOGIN_DENIED:
      case CURLE_PEER_FAILED_VERIFICATION:
      case CURLE_SSL_ISSUER_ERROR:
        throw Error(ErrorKind::denied, words);
      case CURLE_USE_SSL_FAILED:
        throw Error(ErrorKind::denied, words,
                    "the server offers no STARTTLS, and nothing is sent in clear but to this host");
      case CURLE_URL_MALFORMAT:
      case CURLE_UNSUPPORTED_PROTOCOL:
        throw Error(ErrorKind::invalid, words);
      default:
        // 4xx is "later", 5xx "never", as SMTP counts.
        throw Error(status >= 500 && status < 600 ? ErrorKind::invalid : ErrorKind::unavailable,
                    words);
    }
  }

  CURL* const easy_;
  CURLM* const multi_;
  curl_slist* recipients_ = nullptr;
  std::string from_;
  std::string message_;
  size_t given_ = 0;
  std::array<char, CURL_ERROR_SIZE> words_{};
};

}  // namespace

bool is_loopback(const std::string& url) {
  const size_t begin = url.find("://");
  if (begin == std::string::npos) return false;
  const std::string rest = url.substr(begin + 3);
  if (rest.starts_with("[")) return rest.starts_with("[::1]");
  const std::string host = rest.substr(0, rest.find_first_of(":/"));
  if (host == "localhost") return true;
  // 127.x.y.z as a number, not a name that begins so.
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos;
}

std::string compose(const Mail& mail, std::chrono::system_clock::time_point date) {
  require_address(mail.from);
  if (mail.to.empty()) throw Error(ErrorKind::invalid, "a mail to nobody");
  std::string to;
  for (const std::string& address : mail.to) {
    require_address(address);
    to += (to.empty() ? "" : ",\r\n ") + address;
  }
  return fmt::format(
      "Date: {}\r\nFrom: {}\r\nTo: {}\r\nSubject: {}\r\nMessage-ID: <{}@{}>\r\n"
      "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
      "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
      "quoted-printable\r\n\r\n{}\r\n",
      rfc5322_date(date), mail.from, to, encoded_subject(mail.subject), mail.id,
      mail.from.substr(mail.from.find('@') + 1), quoted_printable(mail.text));
}

void send_mail(const MailServer& server, const Mail& mail, std::stop_token stop) {
  if (stop.stop_requested()) throw Error(ErrorKind::cancelled, "stopped");
  base::while_doing("mail by " + server.url, [&] { Sending(server, mail).run(stop); });
}

}  // namespace net
