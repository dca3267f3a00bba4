#include "postgres/client_program.h"

#include <fmt/ranges.h>
#include <libpq-fe.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <set>

#include "base/error.h"
#include "base/process.h"
#include "postgres/connection.h"

namespace postgres {

using base::Error;
using base::ErrorKind;
using base::Path;

ClientProgram parse_version(const Path& path, std::string_view text) {
  constexpr std::string_view mark = "(PostgreSQL) ";
  const size_t at = text.find(mark);
  ClientProgram program{.path = path};
  if (at != std::string_view::npos) {
    std::string_view version = text.substr(at + mark.size());
    version = version.substr(0, version.find('\n'));
    const auto [end, failed] =
        std::from_chars(version.data(), version.data() + version.size(), program.major);
    if (failed == std::errc{} && end != version.data()) {
      program.version = version;
      return program;
    }
  }
  throw base::error(ErrorKind::invalid, "{} does not tell a PostgreSQL version", path.string());
}

namespace {

std::vector<Path> folders_to_search() {
  std::vector<Path> folders;
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
  while (!rest.empty()) {
    const size_t colon = rest.find(':');
    if (colon != 0) folders.emplace_back(rest.substr(0, colon));
    rest = colon == std::string_view::npos ? std::string_view{} : rest.substr(colon + 1);
  }
  std::vector<Path> debian;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql", failed))
    debian.push_back(entry.path() / "bin");
  std::ranges::sort(debian);
  folders.insert(folders.end(), debian.begin(), debian.end());
  return folders;
}

std::optional<ClientProgram> look_at(const Path& path) {
  std::error_code failed;
  const Path real = std::filesystem::canonical(path, failed);
  if (failed || access(path.c_str(), X_OK) != 0 || real.filename() == "pg_wrapper")
    return std::nullopt;
  const base::Output told = base::run({.arguments = {path.string(), "--version"}});
  if (told.exit_code != 0 || told.output.find("(PostgreSQL) ") == std::string::npos)
    return std::nullopt;
  return parse_version(path, told.output);
}

}  // namespace

std::vector<ClientProgram> find_client_programs(const std::string& name,
                                                const std::optional<Path>& folder) {
  std::vector<ClientProgram> programs;
  std::set<Path> seen;
  for (const Path& at : folder ? std::vector<Path>{*folder} : folders_to_search()) {
    const Path path = std::filesystem::absolute(at / name).lexically_normal();
    if (!seen.insert(path).second) continue;
    if (const std::optional<ClientProgram> found = look_at(path)) programs.push_back(*found);
  }
  return programs;
}

std::optional<ClientProgram> choose_client_program(const std::vector<ClientProgram>& programs,
                                                   int major) {
  std::optional<ClientProgram> best;
  for (const ClientProgram& program : programs) {
    if (program.major >= major && (!best || program.major < best->major)) best = program;
  }
  return best;
}

namespace {

std::string keyword(std::string_view name, std::string_view value) {
  std::string quoted;
  for (const char c : value) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return fmt::format("{}='{}'", name, quoted);
}

}  // namespace

ConnectionSettings connection_settings(const std::string& url) {
  struct Free {
    void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
  };
  const std::unique_ptr<PQconninfoOption, Free> options(PQconninfoParse(url.c_str(), nullptr));
  if (!options) {
    throw Error(ErrorKind::invalid, "the database's URL cannot be read",
                "it is a libpq URI, as postgresql://user@host:5432/database");
  }
  ConnectionSettings settings;
  std::vector<std::string> keywords = {keyword("dbname", database_of(url))};
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr || std::string_view(option->keyword) == "dbname") continue;
    if (option->envvar != nullptr) {
      settings.environment[option->envvar] = option->val;
    } else if (std::string_view(option->dispchar) == "*") {
      throw base::error(ErrorKind::invalid,
                        "the database's URL has {}, which cannot be handed to pg_dump unseen",
                        option->keyword);
    } else {
      keywords.push_back(keyword(option->keyword, option->val));
    }
  }
  settings.keywords = fmt::format("{}", fmt::join(keywords, " "));
  return settings;
}

}  // namespace postgres
