#include "net/url.h"

#include <algorithm>

#include "base/error.h"

namespace net {

using base::ErrorKind;

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' || c == '_' ||
         c == '.' || c == '~';
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Names and numeric addresses; ":port"; "[...]" around IPv6.
void require_host(std::string_view host, std::string_view text) {
  const auto fail = [&] {
    throw base::error(ErrorKind::invalid, "'{}' has no usable host", text.substr(0, 200));
  };
  std::string_view port;
  if (host.starts_with('[')) {
    const size_t end = host.find(']');
    if (end == std::string_view::npos || end < 3) fail();
    for (const char c : host.substr(1, end - 1)) {
      if (hex_value(c) < 0 && c != ':' && c != '.') fail();
    }
    port = host.substr(end + 1);
  } else {
    const size_t end = host.find(':');
    const std::string_view name = host.substr(0, end);
    if (name.empty()) fail();
    for (const char c : name) {
      if (!is_unreserved(c)) fail();
    }
    if (end != std::string_view::npos) port = host.substr(end);
  }
  if (port.empty()) return;
  if (port.size() < 2 || port.size() > 6 || port[0] != ':') fail();
  if (!std::all_of(port.begin() + 1, port.end(), is_digit)) fail();
}

}  // namespace

std::string Url::text() const {
  const std::string fields = form_encode(query);
  return fields.empty() ? shown() : shown() + "?" + fields;
}

std::string Url::shown() const {
  return fmt::format("{}://{}{}", tls ? "https" : "http", host, path);
}

std::string Url::host_name() const {
  if (host.starts_with('[')) return host.substr(1, host.find(']') - 1);
  return host.substr(0, host.find(':'));
}

Url Url::parse(std::string_view text) {
  Url url;
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    url.tls = false;
    rest.remove_prefix(7);
  } else {
    throw base::error(ErrorKind::invalid, "'{}' is not a URL of http or https",
                      text.substr(0, text.find_first_of("?@")).substr(0, 200));
  }
  const size_t host_end = rest.find_first_of("/?#");
  url.host = rest.substr(0, host_end);
  rest = host_end == std::string_view::npos ? std::string_view() : rest.substr(host_end);
  if (url.host.find('@') != std::string::npos)
    throw base::Error(ErrorKind::invalid, "a URL with a user in it is not taken");
  require_host(url.host, text.substr(0, text.find('?')));
  for (const std::string_view port : {url.tls ? ":443" : ":80"}) {
    if (url.host.ends_with(port)) url.host = url.host.substr(0, url.host.rfind(':'));
  }

  const size_t path_end = rest.find_first_of("?#");
  const std::string_view path = rest.substr(0, path_end);
  if (!path.empty()) url.path = path;
  for (const char c : url.path) {
    if (c <= ' ' || c >= 127)
      throw base::error(ErrorKind::invalid, "the path of a URL of {} is not encoded", url.host);
  }
  if (path_end == std::string_view::npos) return url;
  rest = rest.substr(path_end);
  if (rest.find('#') != std::string_view::npos)
    throw base::error(ErrorKind::invalid, "a URL of {} has a fragment", url.host);
  rest.remove_prefix(1);
  while (!rest.empty()) {
    const std::string_view field = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), field.size() + 1));
    if (field.empty()) continue;
    const size_t equals = field.find('=');
    if (equals == 0)
      throw base::error(ErrorKind::invalid, "a URL of {} has a query without a name", url.host);
    url.query.emplace_back(
        percent_decode(field.substr(0, equals)),
        equals == std::string_view::npos ? "" : percent_decode(field.substr(equals + 1)));
  }
  return url;
}

std::string percent_encode(std::string_view text, bool keep_slashes) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size() + text.size() / 4);
  for (const char c : text) {
    if (is_unreserved(c) || (keep_slashes && c == '/')) {
      encoded += c;
    } else {
      const unsigned char byte = static_cast<unsigned char>(c);
      encoded += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return encoded;
}

std::string percent_decode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0)
      throw base::Error(ErrorKind::invalid, "a '%' is not followed by two hexadecimal digits");
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

std::string form_encode(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::string text;
  for (const auto& [name, value] : fields) {
    if (!text.empty()) text += '&';
    text += percent_encode(name);
    if (!value.empty()) text += "=" + percent_encode(value);
  }
  return text;
}

}  // namespace net
