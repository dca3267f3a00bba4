#include "base/service_manager.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "base/file.h"

namespace base {
namespace {

// systemd's end of the socket.
class Listener {
 public:
  explicit Listener(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, path.data(), path.size());
    if (::bind(socket_, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0)
      ADD_FAILURE() << "cannot bind " << path;
  }
  ~Listener() { ::close(socket_); }
  std::string heard() const {
    std::array<char, 512> text{};
    const ssize_t size = ::recv(socket_, text.data(), text.size(), MSG_DONTWAIT);
    return {text.data(), static_cast<size_t>(std::max<ssize_t>(size, 0))};
  }

 private:
  int socket_;
};

class ServiceManagerTest : public testing::Test {
 protected:
  void TearDown() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) unsetenv(name);
  }
  TemporaryFolder folder_;
  std::string path_ = (folder_.path() / "notify").string();
};

TEST_F(ServiceManagerTest, is_silent_where_nobody_listens) {
  ServiceManager manager;
  EXPECT_FALSE(manager.listens());
  EXPECT_FALSE(manager.ping_every());
  manager.tell("READY=1");
}

TEST_F(ServiceManagerTest, tells_what_it_is_given) {
  const Listener listener(path_);
  setenv("NOTIFY_SOCKET", path_.c_str(), 1);
  ServiceManager manager;
  manager.tell("READY=1\nSTATUS=all is well");
  EXPECT_EQ(listener.heard(), "READY=1\nSTATUS=all is well");
  manager.tell_reloading();
  EXPECT_TRUE(listener.heard().starts_with("RELOADING=1\nMONOTONIC_USEC="));
}

TEST_F(ServiceManagerTest, pings_twice_as_often_as_is_waited_for) {
  setenv("NOTIFY_SOCKET", path_.c_str(), 1);
  setenv("WATCHDOG_USEC", "30000000", 1);
  EXPECT_EQ(ServiceManager().ping_every(), Duration(15'000'000));
  setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
  EXPECT_TRUE(ServiceManager().ping_every());
  setenv("WATCHDOG_PID", "1", 1);  // meant for another process
  EXPECT_FALSE(ServiceManager().ping_every());
  setenv("WATCHDOG_USEC", "soon", 1);
  unsetenv("WATCHDOG_PID");
  EXPECT_FALSE(ServiceManager().ping_every());
}

TEST_F(ServiceManagerTest, does_not_fail_when_nobody_takes_it) {
  setenv("NOTIFY_SOCKET", path_.c_str(), 1);
  ServiceManager manager;
  manager.tell("WATCHDOG=1");
  EXPECT_TRUE(manager.listens());
}

}  // namespace
}  // namespace base
