#include "layers/pitr/sealed_server.h"

#include <signal.h>
#include <unistd.h>

#include <charconv>

#include "base/error.h"
#include "base/task_group.h"

namespace layers {

using base::Error;
using base::ErrorKind;
using base::Path;

namespace {

constexpr auto stop_patience = std::chrono::minutes(10);

// Settings that seal it. On the command line, where nothing in the restored cluster's own files can
// undo them.
std::map<std::string, std::string> sealing_settings(const SealedOptions& options) {
  return {{"config_file", (options.private_folder / "sealed.conf").string()},
          {"hba_file", (options.private_folder / "hba.conf").string()},
          {"ident_file", (options.private_folder / "ident.conf").string()},
          {"external_pid_file", ""},
          {"listen_addresses", ""},
          {"unix_socket_directories", options.private_folder.string()},
          {"unix_socket_permissions", "0700"},
          {"port", "5432"},
          {"ssl", "off"},
          {"archive_mode", "off"},
          {"archive_command", ""},
          {"archive_cleanup_command", ""},
          {"recovery_end_command", ""},
          {"primary_conninfo", ""},
          {"primary_slot_name", ""},
          {"synchronous_standby_names", ""},
          {"shared_preload_libraries", ""},
          {"local_preload_libraries", ""},
          {"session_preload_libraries", ""},
          {"max_logical_replication_workers", "0"},
          {"autovacuum", "off"},
          {"logging_collector", "off"},
          {"log_destination", "stderr"},
          {"hot_standby", "on"},
          {"event_source", "seawall"},
          {"restart_after_crash", "off"},
          {"jit", "off"}};
}

base::Process start(const SealedOptions& options) {
  if (geteuid() == 0) {
    throw Error(ErrorKind::denied,
                "PostgreSQL does not run as root, so a restored cluster cannot be started",
                "run this as the user that owns the data directory: sudo -u postgres seawall ...");
  }
  base::write_file_durably(options.private_folder / "sealed.conf",
                           base::as_bytes("# sealed: see the command line\n"));
  // The folder, which only our own user may enter, is the lock.
  base::write_file_durably(options.private_folder / "hba.conf",
                           base::as_bytes("local all all trust\n"));
  base::write_file_durably(options.private_folder / "ident.conf", base::as_bytes("# none\n"));
  base::Command command{.arguments = {(options.programs / "postgres").string(), "-D",
                                      options.data_directory.string()},
                        // At once, with all its children: nobody would ever end it.
                        .signal_at_our_death = SIGQUIT,
                        .without_network = options.without_network};
  std::map<std::string, std::string> settings = sealing_settings(options);
  for (const auto& [name, value] : options.settings) settings[name] = value;
  for (const auto& [name, value] : settings) {
    command.arguments.push_back("-c");
    command.arguments.push_back(name + "=" + value);
  }
  return base::Process::start(command, {.keep_output = false});
}

// The last lines that tell why: FATAL and what stands around it.
std::string tail_of(const std::string& log) {
  size_t from = log.size();
  for (int lines = 0; lines < 12 && from > 0; ++lines) {
    const size_t newline = log.rfind('\n', from - 1);
    if (newline == std::string::npos) return log;
    from = newline;
  }
  return log.substr(from + 1);
}

}  // namespace

SealedServer::SealedServer(const SealedOptions& options)
    : options_(options), process_(start(options)) {}

SealedServer::~SealedServer() {
  if (!process_.running()) return;
  process_.signal(SIGINT);  // fast shutdown
  for (int i = 0; i < 300 && process_.running(); ++i) usleep(100'000);
}

std::string SealedServer::log_tail() const {
  return tail_of(const_cast<base::Process&>(process_).errors());
}

postgres::Connection SealedServer::connect(const std::string& database, std::stop_token stop) {
  for (;;) {
    base::throw_if_stopped(stop);
    if (!process_.running()) {
      throw Error(ErrorKind::unavailable, "the restored server ended:\n" + log_tail());
    }
    try {
      return postgres::Connection("", {{"host", options_.private_folder.string()},
                                       {"port", "5432"},
                                       {"dbname", database},
                                       {"user", options_.role}});
    } catch (const Error& failure) {
      if (failure.kind() != ErrorKind::unavailable) throw;
    }
    base::sleep_for(std::chrono::milliseconds(100), stop);
  }
}

void SealedServer::shut_down() {
  process_.signal(SIGINT);
  const base::Stopwatch watch;
  while (process_.running()) {
    if (watch.elapsed() > stop_patience)
      throw Error(ErrorKind::unavailable, "the restored server does not end:\n" + log_tail());
    usleep(50'000);
  }
  if (const int code = process_.wait(); code != 0) {
    throw base::error(ErrorKind::unavailable, "the restored server ended with {}:\n{}", code,
                      log_tail());
  }
}

Path find_server_programs(int major, const std::optional<Path>& given) {
  std::vector<Path> candidates;
  if (given) candidates.push_back(*given);
  if (const char* variable = std::getenv("SEAWALL_PG_BIN")) candidates.emplace_back(variable);
  if (const std::optional<Path> by_path = base::find_program("postgres"))
    candidates.push_back(by_path->parent_path());
  candidates.emplace_back(fmt::format("/usr/lib/postgresql/{}/bin", major));
  for (const Path& folder : candidates) {
    if (!base::find_program((folder / "postgres").string())) continue;
    const base::Output answer =
        base::run({.arguments = {(folder / "postgres").string(), "--version"}});
    int found = 0;
    const size_t at = answer.output.find(") ");
    if (at != std::string::npos)
      std::from_chars(answer.output.data() + at + 2, answer.output.data() + answer.output.size(),
                      found);
    if (found == major) return folder;
  }
  throw Error(
      ErrorKind::absent, fmt::format("there is no PostgreSQL {} server on this host", major),
      fmt::format("install it (Debian: postgresql-{}), or name its folder with --pg-bin", major));
}

}  // namespace layers
