// PostgreSQL's own client programs (pg_dump, pg_restore): where they are, which major version they
// are of, and how they are told where to connect without a secret in their arguments.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"

namespace postgres {

struct ClientProgram {
  base::Path path;
  int major = 0;
  std::string version;  // "15.20 (Debian 15.20-0+deb12u1)"
};

// What `pg_dump --version` says ("pg_dump (PostgreSQL) 15.20 (Debian ...)"). Throws invalid.
ClientProgram parse_version(const base::Path& path, std::string_view text);

// Every program of this name: in `folder` alone if given, else along PATH and below
// /usr/lib/postgresql. Debian's pg_wrapper, which picks a version by rules of its own, is left out,
// and so is what cannot tell its version.
std::vector<ClientProgram> find_client_programs(const std::string& name,
                                                const std::optional<base::Path>& folder);

// The first with the lowest major from `major` on: newer ones serve older servers, not the other
// way around. Nothing if all are older.
std::optional<ClientProgram> choose_client_program(const std::vector<ClientProgram>& programs,
                                                   int major);

// A libpq URI or keyword string for such a program: its parts as libpq's environment variables, and
// the database with those that have none as a keyword string for --dbname, which holds no secret.
struct ConnectionSettings {
  std::map<std::string, std::string> environment;
  std::string keywords;
};
// Throws invalid, also for a secret that libpq takes from no variable (sslpassword).
ConnectionSettings connection_settings(const std::string& url);

}  // namespace postgres
