// What is wrong, how bad it is, and what to do. Values.
#pragma once

#include <string>
#include <string_view>

namespace monitor {

enum class Severity { notice, warning, critical };
std::string_view name(Severity severity);

// A difference between policy and reality.
struct Finding {
  Severity severity;
  std::string what;    // where and what is wrong
  std::string remedy;  // what to do
};

}  // namespace monitor
