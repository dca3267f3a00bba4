#include "base/version.h"

namespace base {

const char* const program_version = SEAWALL_VERSION;

}  // namespace base
