#include "net/local_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstring>

#include "base/error.h"
#include "base/log.h"

namespace net {

namespace {

using base::Duration;
using base::Error;
using base::ErrorKind;
using base::File;
using base::Path;

constexpr size_t served_max = 16;
constexpr int waiting_max = 32;
constexpr Duration look_up_every = std::chrono::milliseconds(50);  // whether we are to stop

// Waits until the socket is ready; false at the end of patience, or when we are to stop.
bool ready(int socket, short events, const base::Stopwatch& watch, Duration patience,
           const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const Duration left = std::min(patience - watch.elapsed(), look_up_every);
    if (left <= Duration::zero()) return false;
    pollfd one{.fd = socket, .events = events, .revents = 0};
    const auto pause = std::chrono::ceil<std::chrono::milliseconds>(left);
    const int found = ::poll(&one, 1, static_cast<int>(pause.count()));
    if (found > 0) return true;
    if (found < 0 && errno != EINTR) return false;
  }
  return false;
}

std::optional<sockaddr_un> address_of(const Path& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.native().size() >= sizeof address.sun_path) return std::nullopt;
  std::memcpy(address.sun_path, name.c_str(), name.native().size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

File new_socket() {
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) base::throw_errno("making a socket");
  return {socket, "socket"};
}

// Whoever holds it may do with the name as he likes.
File lock_of(const Path& name) {
  File lock = File::open(name.string() + ".lock", O_RDWR | O_CREAT);
  if (flock(lock.descriptor(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) base::throw_errno("locking " + lock.path().string());
  throw base::error(ErrorKind::conflict, "another process listens at {}", name.string());
}

// Under another name first, so that it is never there with the wrong mode or without a listener.
File listen_at(const Path& name) {
  const Path fresh = name.string() + ".new";
  const std::optional<sockaddr_un> address = address_of(fresh);
  if (!address) {
    throw base::error(ErrorKind::invalid, "{} is too long a name for a socket: {} bytes at most",
                      name.string(), sizeof address->sun_path - 5);
  }
  File socket = new_socket();
  ::unlink(fresh.c_str());
  if (::bind(socket.descriptor(), generic(*address), sizeof *address) != 0 ||
      ::chmod(fresh.c_str(), 0660) != 0 || ::listen(socket.descriptor(), waiting_max) != 0 ||
      ::rename(fresh.c_str(), name.c_str()) != 0)
    base::throw_errno("listening at " + name.string());
  return socket;
}

}  // namespace

std::optional<std::string> LocalConnection::read_line(Duration patience,
                                                      const std::stop_token& stop) {
  const base::Stopwatch watch;
  for (;;) {
    if (const size_t end = read_.find('\n'); end != std::string::npos) {
      std::string line = read_.substr(0, end);
      read_.erase(0, end + 1);
      return line;
    }
    if (read_.size() > line_bytes_max ||
        !ready(socket_.descriptor(), POLLIN, watch, patience, stop))
      return std::nullopt;
    std::array<char, 2048> piece{};
    const ssize_t count = ::recv(socket_.descriptor(), piece.data(), piece.size(), MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (count <= 0) return std::nullopt;
    read_.append(piece.data(), static_cast<size_t>(count));
  }
}

bool LocalConnection::send_line(std::string_view line, Duration patience,
                                const std::stop_token& stop) {
  const std::string text = std::string(line) + "\n";
  std::string_view left = text;
  const base::Stopwatch watch;
  while (!left.empty()) {
    if (!ready(socket_.descriptor(), POLLOUT, watch, patience, stop)) return false;
    const ssize_t sent =
        ::send(socket_.descriptor(), left.data(), left.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (sent <= 0) return false;
    left.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

std::optional<uid_t> LocalConnection::peer() const {
  ucred who{};
  socklen_t size = sizeof who;
  if (::getsockopt(socket_.descriptor(), SOL_SOCKET, SO_PEERCRED, &who, &size) != 0)
    return std::nullopt;
  return who.uid;
}

std::optional<LocalConnection> connect_local(const Path& name) {
  const std::optional<sockaddr_un> address = address_of(name);
  if (!address) return std::nullopt;
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) return std::nullopt;
  LocalConnection connection(socket);
  // It never waits: a server whose queue is full has EAGAIN for us, like one that is gone.
  if (::connect(socket, generic(*address), sizeof *address) != 0) return std::nullopt;
  return connection;
}

// ---- the server

struct LocalServer::Served {
  std::atomic<bool> ended{false};
  std::jthread thread;
};

LocalServer::LocalServer(Path name, Handler handler)
    : name_(std::move(name)),
      handler_(std::move(handler)),
      lock_(lock_of(name_)),
      listener_(listen_at(name_)),
      thread_([this](const std::stop_token& stop) { accept_connections(stop); }) {}

LocalServer::~LocalServer() {
  ::unlink(name_.c_str());  // the lock is ours still, and so is the name
  thread_.request_stop();
  thread_.join();
}

void LocalServer::accept_connections(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const base::Stopwatch watch;
    const bool one_waits =
        ready(listener_.descriptor(), POLLIN, watch, std::chrono::seconds(1), stop);
    std::erase_if(served_, [](const auto& one) { return one->ended.load(); });
    if (!one_waits) continue;
    const int socket =
        ::accept4(listener_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket < 0) continue;
    LocalConnection connection(socket);
    if (served_.size() < served_max) serve(std::move(connection));
  }
  for (const auto& one : served_) one->thread.request_stop();
  served_.clear();
}

void LocalServer::serve(LocalConnection connection) {
  auto one = std::make_unique<Served>();
  // Shared for std::function's sake alone.
  auto kept = std::make_shared<LocalConnection>(std::move(connection));
  one->thread = std::jthread(
      [this, kept = std::move(kept), ended = &one->ended](const std::stop_token& stop) mutable {
        try {
          handler_(*kept, stop);
        } catch (const std::exception& failure) {
          base::warn("at {}: {}", name_.string(), failure.what());
        }
        kept.reset();
        *ended = true;
      });
  served_.push_back(std::move(one));
}

}  // namespace net
