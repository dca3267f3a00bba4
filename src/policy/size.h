// Sizes as a policy writes them: a whole number and one unit. Pure functions.
//
//   kB MB GB TB      powers of 1000
//   KiB MiB GiB TiB  powers of 1024
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace policy {

// "100MB", "1GiB". Throws invalid: zero, more than 1000 TB, anything else.
uint64_t parse_size(std::string_view text);

}  // namespace policy
