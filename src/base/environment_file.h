// A file of variables, KEY=VALUE a line, as systemd's EnvironmentFile= reads it: for programs that
// are started by somebody with an environment of his own, such as PostgreSQL's archiver.
//
//   # a comment, also with ';'
//   AWS_SECRET_ACCESS_KEY=wJalr...
//   DATABASE_URL="postgresql:///shop?user=backup"
//
// Stricter than systemd, so that a file that is taken here means the same there: a value with
// quotes or a backslash in it stands in single quotes as a whole, or in double quotes with \" and
// \\; lines are not continued.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/file.h"

namespace base {

using Variables = std::vector<std::pair<std::string, std::string>>;

// Throws invalid, naming the line and never its value. `what` names the text.
Variables parse_environment(std::string_view text, std::string_view what);

// Its text. Throws absent; denied unless the file is root's or ours, and closed to all but its
// owner and group (mode 0640 at most): it holds secrets, and decides what our programs do.
std::string read_environment_file(const Path& file);

// Those that are not set yet. Before any thread is started that may ask for one.
void set_variables(const Variables& variables);

}  // namespace base
