// One run of pg_dump or pg_restore against a database: secrets by environment alone, its output
// streamed, its errors told. A value until it runs.
#pragma once

#include <functional>
#include <stop_token>

#include "base/process.h"
#include "postgres/client_program.h"

namespace layers {

// The pg_dump for a server of this major version. One with a known fault that makes a dump wrong
// without a word is passed over. Throws invalid, with what to install, when none is left.
postgres::ClientProgram find_pg_dump(int server_major, const std::optional<base::Path>& folder);
// Why this pg_dump must not be used; nothing when nothing is known against it.
std::optional<std::string> known_fault(const postgres::ClientProgram& pg_dump);

class ClientRun {
 public:
  ClientRun(const postgres::ClientProgram& program, const std::string& url);
  ClientRun& option(std::string text);
  ClientRun& environment(const std::string& name, std::string value);

  // Runs it to its end; `sink` gets what it writes. What it warned of. Throws unavailable with its
  // own words when it fails or speaks of an error; cancelled.
  std::vector<std::string> run(const std::function<void(base::ByteView)>& sink,
                               const std::stop_token& stop) const;

 private:
  base::Command command_;
};

}  // namespace layers
