// A drill of a dump: a new cluster, the dump restored into it, the cluster gone again.
#include "base/error.h"
#include "base/task_group.h"
#include "drill/bounded_run.h"
#include "drill/examine.h"
#include "drill/steps.h"

namespace drill {

using base::Path;
using repository::DrillRecord;

namespace {

constexpr const char* own_role = "seawall_drill";  // no role of the dump's
// A dump does not say how large its database was. Compressed as pg_dump does, text is a fifth to an
// eighth; indexes come on top.
constexpr uint64_t times_larger = 10;
constexpr uint64_t cluster_bytes = 512 * base::MiB;  // of an empty one, with its log

std::string connection_string(const Path& socket_folder, const std::string& database) {
  const auto quoted = [](const std::string& text) {
    std::string result = "'";
    for (const char c : text) {
      if (c == '\'' || c == '\\') result += '\\';
      result += c;
    }
    return result + "'";
  };
  return fmt::format("host={} port=5432 user={} dbname={}", quoted(socket_folder.string()),
                     own_role, quoted(database));
}

class DumpRehearsal {
 public:
  DumpRehearsal(const DumpDrill& drill, const Terms& terms, DrillRecord& record, Progress& progress,
                const std::stop_token& stop)
      : drill_(drill),
        terms_(terms),
        record_(record),
        progress_(progress),
        stop_(stop),
        steps_(record, progress) {}

  void run() {
    describe();
    steps_.begin("ready");
    require_ordinary_user();
    scratch_.emplace(terms_.scratch, record_.id);
    std::optional<layers::SealedServer> server;
    steps_.run("ready", [&] { boot(server); });
    restore();
    measure();
    steps_.run("checks", [&] {
      // The rows that are left out are those that were when the dump was taken.
      Terms terms = terms_;
      terms.left_out.clear();
      for (const std::string& text : drill_.record.left_out)
        terms.left_out.push_back(policy::TablePattern::parse(text));
      examine({.server = *server,
               .programs = programs_,
               .socket_folder = socket_folder_,
               .role = own_role,
               .work_folder = scratch_->make("work")},
              terms, reference_from(drill_.record, true), record_, progress_, stop_);
    });
    steps_.begin("closing");
    server->shut_down();
    record_.failed_step.clear();
  }

 private:
  void describe() {
    record_.source = drill_.record.name.text();
    record_.place = drill_.store.url();
    record_.target = "as of " + base::to_rfc3339(drill_.record.snapshot_at);
    record_.moment = drill_.record.snapshot_at;
    record_.major = drill_.major;
    record_.bytes = drill_.record.size;
  }

  void boot(std::optional<layers::SealedServer>& server) {
    programs_ = layers::find_server_programs(drill_.major, terms_.programs);
    require_room(scratch_->folder(), times_larger * drill_.record.size + cluster_bytes,
                 "restoring " + record_.source);
    const Path data = scratch_->folder() / "data";
    run_bounded_or_throw(
        {.arguments = {(programs_ / "initdb").string(), "--pgdata=" + data.string(),
                       fmt::format("--username={}", own_role), "--auth=trust", "--encoding=UTF8",
                       "--no-locale", "--data-checksums", "--no-sync", "--no-instructions"},
         .environment = {{"LC_ALL", "C"}},
         .folder = scratch_->folder()},
        stop_);
    socket_folder_ = scratch_->make("server");
    record_.cut_off = base::can_cut_off_network();
    layers::SealedOptions options{
        .data_directory = data,
        .programs = programs_,
        .private_folder = socket_folder_,
        .role = own_role,
        .settings = bounded_settings(terms_.memory_bytes_max, terms_.threads, record_.major),
        .without_network = record_.cut_off};
    options.settings["max_connections"] = std::to_string(terms_.threads + 20);
    options.settings["max_wal_senders"] = "0";
    options.settings["max_locks_per_transaction"] = "256";
    server.emplace(options);
    server->connect("postgres", stop_);
  }

  void restore() {
    const layers::RestoreDumpRequest request{
        .name = drill_.record.name,
        .url = connection_string(socket_folder_, terms_.database),
        .jobs = terms_.threads,
        .owner = {},
        .create = true,
        .globals = true,
        .programs = {},
        .compare = false,
        .spool = scratch_->make("archive")};
    steps_.begin("fetch");
    const base::Stopwatch watch;
    layers::RestoredDump restored;
    try {
      restored = layers::restore_dump(drill_.store, drill_.record, request, progress_.dump, stop_);
    } catch (const base::Error&) {
      const std::string_view phase = progress_.dump.phase.load();
      if (phase != "connecting" && phase != "checking") steps_.begin("replay");
      throw;
    }
    record_.failed_step.clear();
    steps_.add("fetch", restored.fetch_time);
    steps_.add("replay", watch.elapsed() - restored.fetch_time);
    record_.notes = restored.notes;
  }

  void measure() {
    base::Duration sum{};
    for (const repository::DrillStep& step : record_.steps) sum += step.took;
    record_.rto = sum;
    record_.rpo = std::max(base::Duration::zero(), record_.started - drill_.record.snapshot_at);
    record_.rpo_by = "dump";
  }

  const DumpDrill& drill_;
  const Terms& terms_;
  DrillRecord& record_;
  Progress& progress_;
  const std::stop_token& stop_;
  Steps steps_;
  std::optional<Scratch> scratch_;
  Path programs_;
  Path socket_folder_;
};

}  // namespace

void rehearse(const DumpDrill& drill, const Terms& terms, DrillRecord& record, Progress& progress,
              std::stop_token stop) {
  DumpRehearsal(drill, terms, record, progress, stop).run();
}

}  // namespace drill
