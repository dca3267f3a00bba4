// URLs in parts, so that what is signed and what is sent are the same bytes.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace net {

struct Url {
  bool tls = true;
  std::string host;        // with ":port" where it is not the scheme's own; IPv6 in brackets
  std::string path = "/";  // percent-encoded; sent exactly as it is
  // Names and values, not encoded. An empty value is sent as the name alone.
  std::vector<std::pair<std::string, std::string>> query;

  std::string text() const;   // as it is sent
  std::string shown() const;  // without the query, which may hold secrets: for messages
  // The host without its port, and without the brackets of IPv6.
  std::string host_name() const;

  // Throws invalid: another scheme than http and https, no host, a user or a fragment, characters
  // that do not belong. The default port of the scheme is left out of `host`.
  static Url parse(std::string_view text);
};

// Every byte but A-Z a-z 0-9 - _ . ~ becomes %XX; with `keep_slashes`, '/' stays too.
std::string percent_encode(std::string_view text, bool keep_slashes = false);
// The reverse. '+' stays what it is. Throws invalid for a '%' without two hexadecimal digits.
std::string percent_decode(std::string_view text);

// "a=1&b=x%20y": a form, or a query in the order given.
std::string form_encode(const std::vector<std::pair<std::string, std::string>>& fields);

}  // namespace net
