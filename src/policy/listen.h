// Where a server of ours listens, as a policy says it. Values; pure functions.
#pragma once

#include <string>
#include <string_view>

namespace policy {

struct Listen {
  std::string host;  // an address or a name; IPv6 without brackets
  int port = 0;      // 0: any that is free

  bool operator==(const Listen&) const = default;
};

// "127.0.0.1:9187", "localhost:0", "[::1]:9187". Throws invalid.
Listen parse_listen(std::string_view text);

std::string print_listen(const Listen& listen);

}  // namespace policy
