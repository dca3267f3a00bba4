#include "policy/listen.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "policy/spelling.h"

namespace policy {

namespace {

bool is_host_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-';
}

bool is_ipv6_letter(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' ||
         c == '.';
}

}  // namespace

Listen parse_listen(std::string_view text) {
  const auto misfit = [&] {
    return base::Error(base::ErrorKind::invalid,
                       fmt::format("{} is not an address and a port", shown(text)),
                       "write 127.0.0.1:9187");
  };
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) throw misfit();
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  const bool bracketed = host.size() > 2 && host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  int port = 0;
  const auto [after, outcome] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  const bool is_port = outcome == std::errc{} && after == digits.data() + digits.size() &&
                       port >= 0 && port <= 65535 && !digits.starts_with('-');
  const bool is_host =
      !host.empty() && std::ranges::all_of(host, bracketed ? is_ipv6_letter : is_host_letter);
  if (!is_port || !is_host) throw misfit();
  return {.host = std::string(host), .port = port};
}

std::string print_listen(const Listen& listen) {
  const bool ipv6 = listen.host.find(':') != std::string::npos;
  return fmt::format("{}:{}", ipv6 ? "[" + listen.host + "]" : listen.host, listen.port);
}

}  // namespace policy
