#include "base/environment_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"

namespace base {

namespace {

constexpr uint64_t file_bytes_max = MiB;
constexpr std::string_view blanks = " \t\r";

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

bool is_name(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !text.empty() && std::ranges::all_of(text, fits) && (text[0] < '0' || text[0] > '9');
}

// The value behind the '='; nothing when it cannot be told what is meant.
std::optional<std::string> value_of(std::string_view text) {
  if (text.empty() || (text[0] != '\'' && text[0] != '"')) {
    if (text.find_first_of("'\"\\") != std::string_view::npos) return std::nullopt;
    return std::string(text);
  }
  const char quote = text[0];
  std::string value;
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == quote) {
      if (i + 1 != text.size()) return std::nullopt;
      return value;
    }
    if (text[i] == '\\') {
      const bool escapes =
          quote == '"' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\');
      if (!escapes) return std::nullopt;
      ++i;
    }
    value += text[i];
  }
  return std::nullopt;  // the quote is not closed
}

}  // namespace

Variables parse_environment(std::string_view text, std::string_view what) {
  Variables variables;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    const size_t equals = line.find('=');
    const std::string_view name = line.substr(0, equals);
    if (equals == std::string_view::npos || !is_name(name)) {
      throw Error(ErrorKind::invalid, fmt::format("{}, line {}: no NAME=VALUE", what, number),
                  "a name has letters, digits and '_', and nothing before it: no 'export'");
    }
    std::optional<std::string> value = value_of(trimmed(line.substr(equals + 1)));
    if (!value || value->find('\0') != std::string::npos) {
      throw Error(ErrorKind::invalid,
                  fmt::format("{}, line {}: the value of {} is ambiguous", what, number, name),
                  "put the whole value in single quotes, or in double quotes with \\\" and \\\\");
    }
    variables.emplace_back(name, std::move(*value));
  }
  return variables;
}

std::string read_environment_file(const Path& path) {
  const File file = File::open(path, O_RDONLY);
  const struct stat status = file.status();
  if (!S_ISREG(status.st_mode))
    throw error(ErrorKind::denied, "{} is no ordinary file", path.string());
  if (status.st_uid != 0 && status.st_uid != geteuid()) {
    throw Error(ErrorKind::denied, fmt::format("{} belongs to somebody else", path.string()),
                "it holds secrets: 'chown root:postgres' and 'chmod 640' it");
  }
  if ((status.st_mode & 027) != 0) {
    throw Error(
        ErrorKind::denied,
        fmt::format("{} is open to others (mode {:03o})", path.string(), status.st_mode & 0777u),
        "it holds secrets: 'chmod 640' it, root's or the user's that runs seawall");
  }
  if (file.size() > file_bytes_max)
    throw error(ErrorKind::invalid, "{} is longer than 1 MiB", path.string());
  std::string text(file.size(), '\0');
  file.read_exactly_at(0, std::as_writable_bytes(std::span(text)));
  return text;
}

void set_variables(const Variables& variables) {
  for (const auto& [name, value] : variables)
    setenv(name.c_str(), value.c_str(), 0);  // NOLINT(concurrency-mt-unsafe): no thread yet
}

}  // namespace base
