#include "layers/dump/client_run.h"

#include <fmt/ranges.h>
#include <signal.h>

#include <algorithm>

#include "base/error.h"
#include "base/task_group.h"

namespace layers {

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    if (end > at) lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

}  // namespace

std::optional<std::string> known_fault(const postgres::ClientProgram& pg_dump) {
  // Release notes of PostgreSQL 18.2: values of sequences that the role may not read were left out
  // without an error.
  for (const std::string_view bad : {"18.0", "18.1"}) {
    if (pg_dump.version == bad || pg_dump.version.starts_with(std::string(bad) + " "))
      return fmt::format("pg_dump {} may leave values of sequences out without a word", bad);
  }
  return std::nullopt;
}

postgres::ClientProgram find_pg_dump(int server_major, const std::optional<base::Path>& folder) {
  std::vector<postgres::ClientProgram> programs = postgres::find_client_programs("pg_dump", folder);
  std::string faults;
  std::erase_if(programs, [&](const postgres::ClientProgram& program) {
    const std::optional<std::string> fault = known_fault(program);
    if (fault) faults += "; " + *fault;
    return fault.has_value();
  });
  if (const auto chosen = postgres::choose_client_program(programs, server_major)) return *chosen;
  const auto newest = std::ranges::max_element(programs, {}, &postgres::ClientProgram::major);
  const std::string why =
      newest == programs.end()
          ? fmt::format("there is no pg_dump for a server of PostgreSQL {}", server_major)
          : fmt::format(
                "pg_dump {} is older than the server, which is PostgreSQL {}: it would refuse, or "
                "miss what it does not know",
                newest->major, server_major);
  throw base::Error(
      base::ErrorKind::invalid, why + faults,
      fmt::format("install postgresql-client-{}, or name its folder with --pg-bin", server_major));
}

ClientRun::ClientRun(const postgres::ClientProgram& program, const std::string& url) {
  const postgres::ConnectionSettings connection = postgres::connection_settings(url);
  command_.arguments = {program.path.string(), "--no-password", "--dbname=" + connection.keywords};
  command_.environment = connection.environment;
  environment("LC_ALL", "C");  // its errors in the words that we look for
}

ClientRun& ClientRun::option(std::string text) {
  command_.arguments.push_back(std::move(text));
  return *this;
}

ClientRun& ClientRun::environment(const std::string& name, std::string value) {
  command_.environment[name] = std::move(value);
  return *this;
}

std::vector<std::string> ClientRun::run(const std::function<void(base::ByteView)>& sink,
                                        const std::stop_token& stop) const {
  base::Process process = base::Process::start(command_);
  {
    // Ends the read below, which would not notice a stop by itself.
    const std::stop_callback end_it(stop, [&] { process.signal(SIGTERM); });
    base::Bytes buffer(256 * base::KiB);
    while (const size_t got = process.output().read_some(buffer)) {
      base::throw_if_stopped(stop);
      sink(base::ByteView(buffer).first(got));
    }
  }
  const int code = process.wait();
  base::throw_if_stopped(stop);
  const std::string errors = process.errors();
  if (code != 0 || errors.find(" error: ") != std::string::npos) {
    throw base::error(base::ErrorKind::unavailable, "{} ended with {}{}{}",
                      base::Path(command_.arguments[0]).filename().string(), code,
                      errors.empty() ? "" : ": ", fmt::join(lines_of(errors), "; "));
  }
  return lines_of(errors);
}

}  // namespace layers
