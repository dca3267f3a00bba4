// A server on a restored data directory that nobody but us can reach: a private socket, no TCP, no
// archiving, no background workers of extensions, nothing replicated. It replays, is asked, is
// scrubbed, and is stopped again.
#pragma once

#include "base/process.h"
#include "postgres/connection.h"

namespace layers {

struct SealedOptions {
  base::Path data_directory;
  base::Path programs;        // where `postgres` of the right major is
  base::Path private_folder;  // for socket, configuration and log; 0700, of our own
  std::string role;           // a superuser of the restored cluster
  std::map<std::string, std::string> settings;  // besides those that seal it
  bool without_network = false;  // as base::Command's; not while it must fetch its log
};

class SealedServer {
 public:
  // Starts it; does not wait. Throws unavailable.
  explicit SealedServer(const SealedOptions& options);
  // Stops it fast if it runs still, and waits.
  ~SealedServer();

  // Waits until it lets us in. Throws unavailable with the last lines of its log when it ends
  // instead.
  postgres::Connection connect(const std::string& database, std::stop_token stop);
  // Whether it runs; and its own words.
  bool running() { return process_.running(); }
  std::string log_tail() const;
  // Ends it after a checkpoint. Throws unavailable when it does not end well.
  void shut_down();

 private:
  SealedOptions options_;
  base::Process process_;
};

// The folder that holds `postgres` of this major version: beside the one we find by PATH, or where
// Debian keeps them.
base::Path find_server_programs(int major, const std::optional<base::Path>& given);

}  // namespace layers
