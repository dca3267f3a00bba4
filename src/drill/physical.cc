// A drill of data files and log: restored as `seawall restore` does, into a folder that goes again.
#include "base/error.h"
#include "base/task_group.h"
#include "drill/examine.h"
#include "drill/page_check.h"
#include "drill/steps.h"
#include "layers/pitr/restore_estimate.h"

namespace drill {

using base::Path;
using repository::DrillRecord;

namespace {

// Beside the data files: segments that are fetched ahead and replayed, and what the server writes.
constexpr uint64_t log_room_segments = 24;
constexpr uint64_t log_room_bytes = 256 * base::MiB;

// With less than this a speed tells more of starting than of going on.
constexpr uint64_t telling_bytes = 64 * base::MiB;
constexpr uint64_t telling_log_bytes = 256 * base::MiB;

double per_second(uint64_t bytes, base::Duration took) {
  return static_cast<double>(bytes) / std::max(std::chrono::duration<double>(took).count(), 1e-3);
}

class PhysicalRehearsal {
 public:
  PhysicalRehearsal(const PhysicalDrill& drill, const Terms& terms, DrillRecord& record,
                    Progress& progress, const std::stop_token& stop)
      : drill_(drill),
        terms_(terms),
        record_(record),
        progress_(progress),
        stop_(stop),
        steps_(record, progress) {}

  void run() {
    steps_.begin("fetch");
    require_ordinary_user();
    scratch_.emplace(terms_.scratch, record_.id);
    data_ = scratch_->folder() / "data";
    begun_ = base::system_clock().now();
    steps_.run("fetch", [&] { fetch(); });
    recover();
    steps_.run("checks", [&] { look_at_pages(); });
    const Path socket_folder = scratch_->make("server");
    std::optional<layers::SealedServer> server;
    steps_.run("ready", [&] {
      server.emplace(options(socket_folder));
      server->connect(terms_.database, stop_);
    });
    measure_rto();
    steps_.run("checks", [&] {
      measure_rpo(*server);
      examine({.server = *server,
               .programs = programs_,
               .socket_folder = socket_folder,
               .role = plan_.snapshot.bootstrap_role,
               .work_folder = scratch_->make("work")},
              terms_, reference_, record_, progress_, stop_);
    });
    steps_.begin("closing");
    server->shut_down();
    record_.failed_step.clear();
  }

 private:
  void fetch() {
    plan_ = layers::plan_restore(drill_.repository, drill_.plan, stop_);
    describe();
    programs_ = layers::find_server_programs(plan_.snapshot.major, terms_.programs);
    rates_ = layers::sampled_rates(drill_.repository, plan_, terms_.threads, stop_);
    heaviest_ = layers::heaviest_load(drill_.repository, plan_.epoch, stop_);
    estimate_worst();  // a host without the room has no better figure
    const uint64_t bytes = plan_.snapshot.totals.bytes;
    require_room(scratch_->folder(),
                 bytes + log_room_bytes + log_room_segments * plan_.snapshot.segment_bytes,
                 "restoring snapshot " + plan_.snapshot.id);
    layers::RestoreRequest request{.target = data_, .tablespaces = {}, .threads = terms_.threads};
    for (const repository::TablespaceRef& space : plan_.snapshot.tablespaces)
      request.tablespaces[space.oid] = scratch_->make(fmt::format("tablespace-{}", space.oid));
    layers::require_restorable(plan_.snapshot, request);
    layers::restore_files(drill_.repository, plan_.snapshot, request, progress_.files, stop_);
  }

  void describe() {
    record_.source = "snapshot " + plan_.snapshot.id;
    record_.place = drill_.repository.store().url();
    record_.target = layers::describe(plan_.target);
    record_.major = plan_.snapshot.major;
    record_.bytes = plan_.snapshot.totals.bytes;
    const auto* time = std::get_if<layers::TargetTime>(&plan_.target);
    moment_ = time != nullptr ? time->time : plan_.last_commit.value_or(plan_.snapshot.stopped);
    if (std::holds_alternative<layers::TargetSnapshot>(plan_.target))
      moment_ = plan_.snapshot.stopped;
    reference_ = drill_.reference(moment_);
  }

  void recover() {
    layers::RecoverRequest request{
        .data_directory = data_,
        .seawall = drill_.seawall,
        .policy = drill_.policy,
        .programs = programs_,
        .scrub = {},
        .settings = bounded_settings(terms_.memory_bytes_max, terms_.threads, record_.major),
        .private_folder = scratch_->make("recovery")};
    if (!terms_.left_out.empty()) request.scrub = {terms_.database, terms_.left_out};
    steps_.begin("replay");
    const base::Stopwatch watch;
    layers::Recovered recovered;
    try {
      recovered = layers::recover(plan_, request, progress_.recovery, stop_);
    } catch (const base::Error&) {
      if (std::string_view(progress_.recovery.phase.load()) == "scrubbing") steps_.begin("scrub");
      throw;
    }
    record_.failed_step.clear();
    steps_.add("replay", watch.elapsed() - recovered.scrub_time);
    if (request.scrub) steps_.add("scrub", recovered.scrub_time);
    if (!recovered.emptied.empty())
      record_.notes.push_back(fmt::format("{} tables were emptied", recovered.emptied.size()));
    last_commit_ = recovered.last_commit;
    record_.moment = last_commit_ ? *last_commit_ : plan_.snapshot.stopped;
  }

  void look_at_pages() {
    if (std::optional<repository::KnownBad> bad =
            flip_a_page(data_, scratch_->make("flipped"), stop_))
      record_.known_bad.push_back(std::move(*bad));
    record_.checks.push_back(check_pages(data_, terms_.threads, stop_));
  }

  // Open to us alone, and with no network, where the kernel lets us: what is asked for may be any
  // function of the database's own. It replays nothing, so it needs nobody.
  layers::SealedOptions options(const Path& socket_folder) {
    record_.cut_off = base::can_cut_off_network();
    layers::SealedOptions options{
        .data_directory = data_,
        .programs = programs_,
        .private_folder = socket_folder,
        .role = plan_.snapshot.bootstrap_role,
        .settings = bounded_settings(terms_.memory_bytes_max, terms_.threads, record_.major),
        .without_network = record_.cut_off};
    const repository::RecoverySettings& needed = plan_.snapshot.settings;
    options.settings["max_connections"] = std::to_string(terms_.threads + 20);
    options.settings["max_wal_senders"] = "0";
    options.settings["max_prepared_transactions"] =
        std::to_string(needed.max_prepared_transactions);
    options.settings["max_locks_per_transaction"] =
        std::to_string(std::max(needed.max_locks_per_transaction, 256));
    return options;
  }

  void measure_rto() {
    base::Duration sum{};
    for (const repository::DrillStep& step : record_.steps) {
      if (step.name != "checks") sum += step.took;
    }
    record_.rto = sum;
    estimate_worst();
  }

  // By the speeds of this drill where it had enough to do, and beside that what always takes as
  // long.
  void estimate_worst() {
    repository::WorstRestore worst{.bytes = heaviest_.bytes, .log_bytes = heaviest_.log_bytes};
    const layers::RestoreLoad load = layers::load_of(plan_);
    base::Duration besides{};
    for (const repository::DrillStep& step : record_.steps) {
      if (step.name == "fetch" && load.bytes >= telling_bytes) {
        rates_.bytes_per_second = per_second(load.bytes, step.took);
        worst.files_measured = true;
      } else if (step.name == "replay" && load.log_bytes >= telling_log_bytes &&
                 step.took > 2 * layers::server_start) {
        rates_.log_bytes_per_second = per_second(load.log_bytes, step.took - layers::server_start);
        worst.log_measured = true;
      } else if (step.name == "scrub" || step.name == "ready") {
        besides += step.took;
      }
    }
    const layers::RestoreEstimate estimate = layers::estimate(heaviest_, rates_);
    worst.bytes_per_second = static_cast<uint64_t>(rates_.bytes_per_second);
    worst.log_bytes_per_second = static_cast<uint64_t>(rates_.log_bytes_per_second);
    worst.takes = estimate.files + estimate.replay + besides;
    record_.at_worst = worst;
  }

  // What would be lost: from the newest thing that came back to the moment that was wanted, which
  // without any other is now.
  void measure_rpo(layers::SealedServer& server) {
    postgres::Connection connection = server.connect(terms_.database, stop_);
    const std::optional<base::Instant> beat = newest_heartbeat(connection);
    const bool of_time = std::holds_alternative<layers::TargetTime>(plan_.target);
    const base::Instant wanted = of_time ? moment_ : begun_;
    base::Instant newest = plan_.snapshot.stopped;
    record_.rpo_by = "snapshot";
    if (record_.kind != repository::DrillKind::weekly) {
      if (beat) {
        newest = *beat;
        record_.rpo_by = "heartbeat";
      } else if (last_commit_) {
        newest = *last_commit_;
        record_.rpo_by = "last transaction";
      }
    }
    record_.rpo = std::max(base::Duration::zero(), wanted - newest);
  }

  const PhysicalDrill& drill_;
  const Terms& terms_;
  DrillRecord& record_;
  Progress& progress_;
  const std::stop_token& stop_;
  Steps steps_;
  std::optional<Scratch> scratch_;
  Path data_;
  Path programs_;
  base::Instant begun_{};
  base::Instant moment_{};  // that is restored to
  layers::RestorePlan plan_;
  layers::RestoreRates rates_;
  layers::RestoreLoad heaviest_;
  std::optional<Reference> reference_;
  std::optional<base::Instant> last_commit_;  // replayed
};

}  // namespace

void rehearse(const PhysicalDrill& drill, const Terms& terms, DrillRecord& record,
              Progress& progress, std::stop_token stop) {
  PhysicalRehearsal(drill, terms, record, progress, stop).run();
}

}  // namespace drill
