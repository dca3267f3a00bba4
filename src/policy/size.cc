#include "policy/size.h"

#include <array>
#include <charconv>
#include <utility>

#include "base/error.h"
#include "policy/spelling.h"

namespace policy {

namespace {

constexpr uint64_t bytes_max = 1'000'000'000'000'000;

constexpr std::array<std::pair<std::string_view, uint64_t>, 8> units = {{
    {"kB", 1000},
    {"MB", 1'000'000},
    {"GB", 1'000'000'000},
    {"TB", 1'000'000'000'000},
    {"KiB", uint64_t{1} << 10},
    {"MiB", uint64_t{1} << 20},
    {"GiB", uint64_t{1} << 30},
    {"TiB", uint64_t{1} << 40},
}};

}  // namespace

uint64_t parse_size(std::string_view text) {
  uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [after, outcome] = std::from_chars(text.data(), end, number);
  if (outcome == std::errc{} && number > 0) {
    const std::string_view unit(after, static_cast<size_t>(end - after));
    for (const auto& [name, bytes] : units) {
      if (unit == name && number <= bytes_max / bytes) return number * bytes;
    }
  }
  throw base::Error(base::ErrorKind::invalid, fmt::format("{} is not a size", shown(text)),
                    "write a whole number and kB, MB, GB, TB, KiB, MiB, GiB or TiB, such as 100MB");
}

}  // namespace policy
