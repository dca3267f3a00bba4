// What a service tells systemd, over the datagram socket that NOTIFY_SOCKET names: sd_notify(3)
// describes it. Without that variable nothing is told. Belongs to one thread; what cannot be sent
// is dropped, as it is news and never the work itself.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace base {

class ServiceManager {
 public:
  ServiceManager();  // as the environment says
  ~ServiceManager();
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  // Whether somebody listens.
  bool listens() const { return socket_ >= 0; }
  // Lines of VARIABLE=value.
  void tell(std::string_view lines);
  // "RELOADING=1" with the time that systemd wants beside it.
  void tell_reloading();
  // How often it wants to hear WATCHDOG=1: half of what it waits for. Nothing where it does not.
  std::optional<Duration> ping_every() const { return ping_every_; }

 private:
  int socket_ = -1;
  std::string address_;  // of AF_UNIX; an abstract one begins with a zero byte
  std::optional<Duration> ping_every_;
};

}  // namespace base
