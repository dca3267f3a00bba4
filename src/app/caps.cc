#include "app/caps.h"

#include <sys/resource.h>

#include <cerrno>
#include <cstring>

#include "base/log.h"

namespace app {

void Caps::step_back() const {
  if (!nice) return;
  errno = 0;
  const int now = getpriority(PRIO_PROCESS, 0);
  if ((now == -1 && errno != 0) || now >= *nice) return;
  // On Linux a nice value is a thread's own, and 0 is the one that asks.
  if (setpriority(PRIO_PROCESS, 0, *nice) != 0)
    base::warn("limits.nice has no effect: {}", std::strerror(errno));
}

Caps caps_of(const policy::Limits& limits) {
  Caps caps;
  if (limits.read_per_second)
    caps.reading = std::make_shared<base::RateLimit>(*limits.read_per_second);
  if (limits.store_per_second)
    caps.storing = std::make_shared<base::RateLimit>(*limits.store_per_second);
  caps.nice = limits.nice;
  return caps;
}

}  // namespace app
