#include "layers/pitr/recover.h"

#include <fcntl.h>

#include "base/error.h"
#include "base/task_group.h"
#include "layers/pitr/get.h"
#include "layers/pitr/scrub.h"

namespace layers {

using base::Error;
using base::ErrorKind;
using base::Path;
using postgres::Connection;
using postgres::Lsn;

namespace {

std::string shell_quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      if (c == '%') quoted += '%';  // restore_command's own escape
      quoted += c;
    }
  }
  return quoted + "'";
}

// Numeric offset, so that no setting of the server gives the text another meaning.
std::string recovery_time(base::Instant time) {
  std::string text = base::to_rfc3339(time);
  text.replace(text.find('T'), 1, " ");
  text.replace(text.find('Z'), 1, "+00");
  return text;
}

std::map<std::string, std::string> target_settings(const RestorePlan& plan) {
  std::map<std::string, std::string> settings = {
      {"recovery_target_timeline", std::to_string(plan.timeline.value)},
      {"recovery_target_action", "pause"},
      {"recovery_target_inclusive", "on"},
  };
  if (plan.last_record) {
    settings["recovery_target_lsn"] = to_string(*plan.last_record);
    return settings;
  }
  if (std::holds_alternative<TargetSnapshot>(plan.target))
    settings["recovery_target"] = "immediate";
  if (const auto* time = std::get_if<TargetTime>(&plan.target))
    settings["recovery_target_time"] = recovery_time(time->time);
  if (const auto* lsn = std::get_if<TargetLsn>(&plan.target))
    settings["recovery_target_lsn"] = to_string(lsn->lsn);
  if (const auto* xid = std::get_if<TargetXid>(&plan.target))
    settings["recovery_target_xid"] = std::to_string(xid->xid);
  if (const auto* name = std::get_if<TargetName>(&plan.target))
    settings["recovery_target_name"] = name->name;
  return settings;
}

std::map<std::string, std::string> recovery_settings(const RestorePlan& plan,
                                                     const RecoverRequest& request,
                                                     const Path& get_plan) {
  std::map<std::string, std::string> settings = target_settings(plan);
  const repository::RecoverySettings& needed = plan.snapshot.settings;
  settings["restore_command"] =
      fmt::format("{} wal get --plan {} %f %p", shell_quoted(request.seawall.string()),
                  shell_quoted(get_plan.string()));
  const uint64_t segment_mib = plan.snapshot.segment_bytes / base::MiB;
  settings["min_wal_size"] = fmt::format("{}MB", std::max<uint64_t>(80, 2 * segment_mib));
  settings["max_wal_size"] = fmt::format("{}MB", std::max<uint64_t>(1024, 4 * segment_mib));
  settings["max_connections"] = std::to_string(needed.max_connections);
  settings["max_worker_processes"] = std::to_string(needed.max_worker_processes);
  settings["max_wal_senders"] = std::to_string(needed.max_wal_senders);
  settings["max_prepared_transactions"] = std::to_string(needed.max_prepared_transactions);
  settings["max_locks_per_transaction"] = std::to_string(needed.max_locks_per_transaction);
  for (const auto& [name, value] : request.settings) settings[name] = value;
  return settings;
}

// Waits until replay pauses at its target, or, without one, until it has ended by itself.
void await_target(Connection& connection, SealedServer& server, RecoverProgress& progress,
                  std::stop_token stop) {
  for (;;) {
    base::throw_if_stopped(stop);
    if (!server.running())
      throw Error(ErrorKind::unavailable, "the restored server ended:\n" + server.log_tail());
    const postgres::Rows rows = connection.query(
        "select pg_is_in_recovery(), case when pg_is_in_recovery() then "
        "pg_get_wal_replay_pause_state() end, "
        "pg_last_wal_replay_lsn()");
    if (const std::optional<std::string> lsn = rows.at(0, 2))
      progress.replayed_lsn = postgres::parse_lsn(*lsn).value;
    if (!rows.boolean(0, 0) || rows.at(0, 1) == "paused") return;
    base::sleep_for(std::chrono::milliseconds(100), stop);
  }
}

void assert_reached(const RestorePlan& plan, const Recovered& recovered) {
  const auto fail = [](std::string why) {
    return Error(
        ErrorKind::corrupt, "the restore did not reach its target: " + std::move(why),
        "the cluster stays closed; 'seawall wal audit' tells whether the archive is whole");
  };
  if (plan.ends_at && recovered.reached < *plan.ends_at) {
    throw fail(fmt::format("replay ended at {}, before {}", to_string(recovered.reached),
                           to_string(*plan.ends_at)));
  }
  const auto* time = std::get_if<TargetTime>(&plan.target);
  if (time == nullptr) return;
  if (recovered.last_commit && *recovered.last_commit > time->time) {
    throw fail(
        fmt::format("a transaction of {} was replayed", base::to_rfc3339(*recovered.last_commit)));
  }
  if (plan.last_commit && recovered.last_commit && *recovered.last_commit < *plan.last_commit) {
    throw fail(fmt::format("the last transaction replayed is of {}, not {}",
                           base::to_rfc3339(*recovered.last_commit),
                           base::to_rfc3339(*plan.last_commit)));
  }
}

base::Instant instant_of_epoch_microseconds(int64_t microseconds) {
  return base::Instant(base::Duration(microseconds));
}

void read_reached(Connection& connection, Recovered& recovered) {
  const postgres::Rows rows = connection.query(
      "select pg_last_wal_replay_lsn(), (extract(epoch from pg_last_xact_replay_timestamp()) * "
      "1000000)::bigint");
  recovered.reached = postgres::parse_lsn(rows.text(0, 0));
  if (rows.at(0, 1)) recovered.last_commit = instant_of_epoch_microseconds(rows.number(0, 1));
}

void promote(Connection& connection, SealedServer& server, std::stop_token stop) {
  if (connection.query("select pg_is_in_recovery()").boolean(0, 0))
    connection.query("select pg_promote(false)");
  while (connection.query("select pg_is_in_recovery()").boolean(0, 0)) {
    if (!server.running())
      throw Error(ErrorKind::unavailable, "the restored server ended:\n" + server.log_tail());
    if (!base::sleep_for(std::chrono::milliseconds(50), stop)) base::throw_if_stopped(stop);
  }
}

// A library that no server has: as long as this line is the last of its name, a server that is
// started here ends at once, and its log tells why. Ours is started with another value on its
// command line, which beats all files.
constexpr std::string_view closed_line =
    "shared_preload_libraries = 'seawall: this restore is not finished, see seawall restore "
    "--delta'\n";

// Nobody but a sealed server may start on it until it is opened: behind the promotion, when
// recovery.signal is gone, tables that must not come back are still full. And a clone must never
// write into the archive it came from.
void close_cluster(const Path& auto_conf) {
  std::string text = base::read_text_file_if_there(auto_conf).value_or("");
  if (!text.empty() && text.back() != '\n') text += '\n';
  text +=
      "# seawall restore: a restored cluster does not archive into the repository it came from. "
      "When it is to take the\n"
      "# original's place: ALTER SYSTEM RESET archive_mode, and restart.\n"
      "archive_mode = 'off'\n";
  text += closed_line;
  base::write_file_durably(auto_conf, base::as_bytes(text));
}

void open_cluster(const Path& auto_conf) {
  std::string text = base::read_text_file(auto_conf, base::MiB);
  for (size_t at = text.find(closed_line); at != std::string::npos; at = text.find(closed_line))
    text.erase(at, closed_line.size());
  base::write_file_durably(auto_conf, base::as_bytes(text));
}

// What ended recovery, if it was restore_command, in its own words instead of the server's.
template <typename Work>
void with_words_of_get(const Path& get_plan, const Work& work) {
  try {
    work();
  } catch (const Error& failure) {
    if (failure.kind() != ErrorKind::unavailable) throw;
    const std::optional<Error> noted = noted_failure(get_plan);
    if (!noted) throw;
    throw noted->while_doing("replaying the log");
  }
}

}  // namespace

namespace {

// What a person who finds this cluster years later wants to know.
base::Json report_of(const RestorePlan& plan, const RecoverRequest& request) {
  base::Json json = {{"at", base::to_rfc3339(base::system_clock().now())},
                     {"snapshot", plan.snapshot.id},
                     {"epoch", plan.epoch.number.value},
                     {"target", describe(plan.target)},
                     {"archiving", "off"}};
  base::Json patterns = base::Json::array();
  if (request.scrub) {
    for (const policy::TablePattern& pattern : request.scrub->patterns)
      patterns.push_back(pattern.text());
  }
  json["to_be_emptied"] = std::move(patterns);
  return json;
}

class Recovery {
 public:
  Recovery(const RestorePlan& plan, const RecoverRequest& request, RecoverProgress& progress,
           const std::stop_token& stop)
      : plan_(plan), request_(request), progress_(progress), stop_(stop) {}

  Recovered run() {
    if (!request_.private_folder) own_folder_.emplace("seawall-restore");
    const Path& folder = own_folder_ ? own_folder_->path() : *request_.private_folder;
    const Path spool = request_.data_directory.string() + ".seawall-spool";
    // What a killed run fetched ahead may be of another epoch under the same names.
    std::filesystem::remove_all(spool);
    base::create_folders_durably(spool);
    get_plan_ = folder / "plan.json";
    write_get_plan(get_plan_from(plan_, request_.policy, spool), get_plan_);
    base::write_file_durably(request_.data_directory / "recovery.signal", {});
    const Path auto_conf = request_.data_directory / "postgresql.auto.conf";
    close_cluster(auto_conf);
    {
      SealedServer server(
          {.data_directory = request_.data_directory,
           .programs = find_server_programs(plan_.snapshot.major, request_.programs),
           .private_folder = folder,
           .role = plan_.snapshot.bootstrap_role,
           .settings = recovery_settings(plan_, request_, get_plan_)});
      replay(server);
      empty_tables(server);
      progress_.phase = "closing";
      server.shut_down();
    }
    report("finished");
    open_cluster(auto_conf);
    std::filesystem::remove_all(spool);
    progress_.phase = "done";
    return std::move(recovered_);
  }

  // Beside what is restored, so that it is told wherever the cluster goes.
  void report(const char* state, const std::string& error = {}) const {
    base::Json json = report_of(plan_, request_);
    json["state"] = state;
    if (!error.empty()) json["error"] = error;
    if (recovered_.reached.value != 0) json["reached"] = to_string(recovered_.reached);
    if (recovered_.last_commit) json["last_commit"] = base::to_rfc3339(*recovered_.last_commit);
    json["emptied"] = recovered_.emptied;
    base::write_file_durably(request_.data_directory / "seawall-restored.json",
                             base::as_bytes(json.dump(2) + "\n"));
  }

 private:
  void replay(SealedServer& server) {
    progress_.phase = "replaying";
    std::optional<Connection> session;
    with_words_of_get(get_plan_, [&] {
      session.emplace(server.connect("postgres", stop_));
      await_target(*session, server, progress_, stop_);
    });
    read_reached(*session, recovered_);
    // The server does not count the time of a transaction whose end it was told to stop behind.
    if (plan_.last_record && plan_.last_commit) recovered_.last_commit = plan_.last_commit;
    assert_reached(plan_, recovered_);
    recovered_.replay_time = watch_.elapsed();
    progress_.phase = "promoting";
    promote(*session, server, stop_);
    const char* timeline =
        "select ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int";
    recovered_.timeline = {static_cast<uint32_t>(session->query(timeline).number(0, 0))};
  }

  void empty_tables(SealedServer& server) {
    if (!request_.scrub || request_.scrub->patterns.empty()) return;
    const base::Stopwatch watch;
    progress_.phase = "scrubbing";
    Connection connection = server.connect(request_.scrub->database, stop_);
    recovered_.emptied = scrub(connection, request_.scrub->patterns);
    recovered_.scrub_time = watch.elapsed();
  }

  const RestorePlan& plan_;
  const RecoverRequest& request_;
  RecoverProgress& progress_;
  const std::stop_token& stop_;
  const base::Stopwatch watch_;
  std::optional<base::TemporaryFolder> own_folder_;
  Path get_plan_;
  Recovered recovered_;
};

}  // namespace

Recovered recover(const RestorePlan& plan, const RecoverRequest& request, RecoverProgress& progress,
                  std::stop_token stop) {
  Recovery recovery(plan, request, progress, stop);
  try {
    return recovery.run();
  } catch (const Error& failure) {
    try {
      recovery.report("closed", failure.message());
    } catch (const Error&) {
      throw failure;  // a full disk, say: the first failure is the one to tell
    }
    throw;
  }
}

}  // namespace layers
