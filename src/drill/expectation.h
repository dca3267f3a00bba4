// What a question to a restored database must be answered with. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace drill {

// `expect` is the value as text, or a bound: "> 0", "< 10", ">= 3", "<= 3" compare numbers,
// "!= x" is any other value. NULL (nothing) is never what is wanted.
bool satisfies(const std::optional<std::string>& value, std::string_view expect);

}  // namespace drill
