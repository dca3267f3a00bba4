// Lines of text between processes of one host, over a Unix socket with a name: what `wal push` and
// the daemon speak. Nothing here throws for what the other side does; it is told by what is
// returned, as whoever asks has another way.
#pragma once

#include <sys/types.h>

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/file.h"

namespace net {

// One end of a connection; closed when it goes. Belongs to one thread.
class LocalConnection {
 public:
  explicit LocalConnection(int descriptor) : socket_(descriptor, "socket") {}

  // The next line, without its end; nothing when none comes in time, it is longer than
  // `line_bytes_max`, the other side has gone, or `stop` is requested.
  std::optional<std::string> read_line(base::Duration patience, const std::stop_token& stop);
  // Whether all of the line was handed over to the kernel in time. The line has no end yet.
  bool send_line(std::string_view line, base::Duration patience, const std::stop_token& stop);
  // The user who has opened the other end, as the kernel knows it.
  std::optional<uid_t> peer() const;

  static constexpr size_t line_bytes_max = 16 * base::KiB;

 private:
  base::File socket_;
  std::string read_;  // and not handed out yet
};

// Nothing when nobody listens there, or it is not for us.
std::optional<LocalConnection> connect_local(const base::Path& name);

// Listens at a name in the file system, mode 0660. A name that a process has left behind is taken
// over; that of one that lives is not, as a lock beside it tells (NAME.lock, which stays). At most
// 16 connections are served at a time, each by a thread of its own; others are closed at once.
class LocalServer {
 public:
  // Called from several threads at once. The connection is closed when it returns; what it throws
  // is logged.
  using Handler = std::function<void(LocalConnection& connection, const std::stop_token& stop)>;
  // Throws conflict while another process listens there, absent (no such folder), denied, invalid
  // (a name too long for a socket).
  LocalServer(base::Path name, Handler handler);
  // Takes the name away, asks connections to end, and waits for them.
  ~LocalServer();
  LocalServer(const LocalServer&) = delete;
  LocalServer& operator=(const LocalServer&) = delete;

 private:
  struct Served;
  void accept_connections(const std::stop_token& stop);
  void serve(LocalConnection connection);

  base::Path name_;
  Handler handler_;
  base::File lock_;
  base::File listener_;
  std::list<std::unique_ptr<Served>> served_;  // of the accepting thread
  std::jthread thread_;                        // last, so that all else is there while it runs
};

}  // namespace net
