// The version of this program.
#pragma once

namespace base {

extern const char* const program_version;  // "0.1.0"

}  // namespace base
