// UTF-8 (RFC 3629). What a policy says ends up in JSON, which can hold nothing else.
#pragma once

#include <cstddef>
#include <string_view>

namespace policy {

// How many bytes the character at the start of `text` has: 1 to 4; 0 if there is no valid one.
size_t utf8_character(std::string_view text);

}  // namespace policy
