#include "app/daemon.h"

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <set>

#include "app/push_sockets.h"
#include "base/error.h"
#include "base/log.h"
#include "base/service_manager.h"
#include "base/task_group.h"
#include "net/http_server.h"

namespace app {

using base::Duration;
using base::Error;
using base::ErrorKind;
using base::Instant;
using base::Path;

namespace {

constexpr Duration turn_every = std::chrono::seconds(1);
constexpr Duration folder_every = std::chrono::seconds(5);
constexpr Duration runs_may_end = std::chrono::seconds(20);
constexpr Duration cancelled_may_end = std::chrono::seconds(15);
// A loop that has not turned for this long is not alive.
constexpr Duration loop_hangs_after = std::chrono::minutes(1);
constexpr size_t policies_max = 1000;

std::vector<Path> policies_in(const Path& folder) {
  std::vector<Path> files;
  std::error_code failed;
  for (std::filesystem::directory_iterator entry(folder, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    if (name.ends_with(".yaml") && !name.starts_with('.') && files.size() < policies_max)
      files.push_back(entry->path());
  }
  if (failed) base::throw_errno("reading the folder " + folder.string(), failed.value());
  std::ranges::sort(files);
  return files;
}

// What the HTTP server's threads may see of the loop.
class Published {
 public:
  void set(DaemonState state) {
    const std::lock_guard lock(mutex_);
    state_ = std::move(state);
    turned_ = base::Stopwatch();
  }
  DaemonState state() const {
    const std::lock_guard lock(mutex_);
    return state_;
  }
  Duration since_turn() const {
    const std::lock_guard lock(mutex_);
    return turned_.elapsed();
  }

 private:
  mutable std::mutex mutex_;
  DaemonState state_;
  base::Stopwatch turned_;
};

class Daemon {
 public:
  Daemon(const DaemonOrder& order, const DaemonPlugs& plugs, const std::atomic<int>& hang_ups,
         const base::Clock& clock, std::stop_token stop)
      : order_(order),
        plugs_(plugs),
        hang_ups_(hang_ups),
        clock_(clock),
        stop_(std::move(stop)),
        started_(clock.now()) {}

  int run() {
    load();
    turn();
    manager_.tell("READY=1");
    while (!stop_.stop_requested()) {
      heed_hang_ups();
      turn();
      if (order_.once && all_done()) return once_code();
      wait(turn_every, stop_);
    }
    return end();
  }

 private:
  // ---- which policies

  void load() {
    const Instant now = clock_.now();
    if (!std::filesystem::is_directory(order_.policies)) {
      add(order_.policies, false, now);
      return;
    }
    look_into_folder(now);
    const bool any = std::ranges::any_of(policies_, [](const auto& one) { return one->policy(); });
    if (any) return;
    if (policies_.empty()) {
      throw Error(
          ErrorKind::absent, fmt::format("there is no policy in {}", order_.policies.string()),
          "a policy there is a file whose name ends with .yaml; 'seawall init -o' writes one");
    }
    throw base::error(ErrorKind::invalid, "none of the {} policies in {} can be used",
                      policies_.size(), order_.policies.string());
  }

  void add(const Path& file, bool even_if_broken, Instant now) {
    const auto fits = [this, file](const policy::Policy& policy) {
      require_repository_apart(policy, file);
    };
    policies_.push_back(std::make_unique<CarriedPolicy>(file, even_if_broken, fits, gate_, plugs_,
                                                        order_.once, now));
    if (const policy::Policy* policy = policies_.back()->policy())
      base::info("carrying out {} of {}", policy->name, file.string());
  }

  // Two databases in one repository would take turns in being the wrong one.
  void require_repository_apart(const policy::Policy& policy, const Path& file) const {
    for (const auto& other : policies_) {
      if (other->file() == file || !other->policy()) continue;
      if (other->policy()->s3.reach.endpoint != policy.s3.reach.endpoint) continue;
      if (!overlap(other->policy()->repository.store, policy.repository.store)) continue;
      throw Error(ErrorKind::invalid,
                  fmt::format("the repository {} of {} is in that of {}",
                              policy.repository.store.url(), file.string(), other->file().string()),
                  "each database has a repository of its own: a folder, or a prefix in the bucket");
    }
  }

  // A policy that is new there is taken up; one whose file is gone goes on, as broken, until the
  // daemon is started again.
  void look_into_folder(Instant now) {
    if (folder_looked_ && since_folder_.elapsed() < folder_every) return;
    folder_looked_ = true;
    since_folder_ = base::Stopwatch();
    for (const Path& file : policies_in(order_.policies)) {
      const bool known = std::ranges::any_of(
          policies_, [&](const auto& policy) { return policy->file() == file; });
      if (!known) add(file, true, now);
    }
  }

  void heed_hang_ups() {
    const int hang_ups = hang_ups_;
    if (hang_ups == heeded_) return;
    heeded_ = hang_ups;
    manager_.tell_reloading();
    for (const auto& policy : policies_) policy->reload(clock_.now());
    folder_looked_ = false;
    manager_.tell("READY=1");
  }

  // ---- a turn

  void turn() {
    const Instant now = clock_.now();
    if (std::filesystem::is_directory(order_.policies) && !ending_) {
      try {
        look_into_folder(now);
      } catch (const Error& failure) {
        base::warn("{}", failure.message());
      }
    }
    int at_once = 1;
    for (const auto& policy : policies_) {
      if (policy->policy()) at_once = std::max(at_once, policy->policy()->run.at_once);
    }
    gate_.set_at_once(at_once);
    for (const auto& policy : policies_) policy->turn(now);
    publish(now);
    if (order_.once || ending_) return;
    listen();
    serve_pushes();
  }

  void serve_pushes() {
    std::vector<std::shared_ptr<const PolicyText>> carried;
    for (const auto& policy : policies_) {
      if (policy->text()) carried.push_back(policy->text());
    }
    pushes_.carry(carried);
  }

  void publish(Instant now) {
    DaemonState state{.version = order_.version,
                      .started = started_,
                      .turned = now,
                      .ending = ending_,
                      .policies = {}};
    for (const auto& policy : policies_) state.policies.push_back(policy->state());
    const std::string status = describe(state);
    if (status != status_) manager_.tell("STATUS=" + status);
    status_ = status;
    if (manager_.ping_every() && since_ping_.elapsed() >= *manager_.ping_every()) {
      manager_.tell("WATCHDOG=1");
      since_ping_ = base::Stopwatch();
    }
    published_.set(std::move(state));
  }

  void wait(Duration pause, const std::stop_token& until) const {
    Duration most = pause;
    if (manager_.ping_every()) most = std::min(most, *manager_.ping_every());
    base::sleep_for(most, until);
  }

  // ---- HTTP

  using Address = std::pair<std::string, int>;

  // Servers where the policies want them. One that cannot be had at the start ends us; later, when
  // a policy was edited, it is told and tried again.
  void listen() {
    std::set<Address> wanted;
    for (const auto& policy : policies_) {
      if (policy->policy() && policy->policy()->run.listen)
        wanted.insert({policy->policy()->run.listen->host, policy->policy()->run.listen->port});
    }
    std::erase_if(servers_, [&](const auto& server) { return !wanted.contains(server.first); });
    for (const Address& address : wanted) {
      if (servers_.contains(address)) continue;
      try {
        servers_[address] = std::make_unique<net::HttpServer>(
            address.first, address.second,
            [this](const std::string& path) { return answer(path); });
        base::info("listening at {}:{}", address.first, servers_[address]->port());
        not_listening_.clear();
      } catch (const Error& failure) {
        servers_.erase(address);
        if (!listened_) throw;
        if (not_listening_ != failure.message()) base::alarm("{}", failure.message());
        not_listening_ = failure.message();
      }
    }
    listened_ = true;
  }

  net::Answer answer(const std::string& path) const {
    if (path == "/healthz") {
      const Duration since = published_.since_turn();
      if (since < loop_hangs_after) return {.status = 200, .body = "alive\n"};
      return {.status = 503,
              .body = fmt::format("the loop has not turned for {}\n", base::human_duration(since))};
    }
    if (path == "/readyz") {
      std::string why;
      if (is_ready(published_.state(), why)) return {.status = 200, .body = "ready\n"};
      return {.status = 503, .body = why};
    }
    if (path == "/status.json") {
      return {.status = 200,
              .type = "application/json",
              .body = to_json(published_.state()).dump(2) + "\n"};
    }
    if (path == "/metrics") {
      return {.status = 200,
              .type = "text/plain; version=0.0.4; charset=utf-8",
              .body = to_metrics(published_.state()) + pushes_.metrics() +
                      (plugs_.metrics ? plugs_.metrics() : "")};
    }
    return {.status = 404, .body = "/healthz /readyz /metrics /status.json\n"};
  }

  // ---- the end

  bool all_done() const {
    const Instant now = clock_.now();
    return std::ranges::all_of(policies_, [&](const auto& policy) { return policy->done(now); });
  }

  int once_code() const {
    for (const auto& policy : policies_) {
      if (!policy->policy()) return base::exit_code(ErrorKind::invalid);
      if (policy->first_failure()) return base::exit_code(*policy->first_failure());
    }
    return 0;
  }

  bool idle() const {
    return pushes_.closed() &&
           std::ranges::all_of(policies_, [](const auto& policy) { return policy->idle(); });
  }

  bool turn_until_idle(Duration patience) {
    const base::Stopwatch watch;
    do {
      turn();
      if (idle()) return true;
      wait(turn_every / 5, {});
    } while (watch.elapsed() < patience);
    return false;
  }

  int end() {
    ending_ = true;
    manager_.tell("STOPPING=1");
    base::info("told to stop");
    for (const auto& policy : policies_) policy->begin_end();
    pushes_.close();  // who waits works by itself
    if (!turn_until_idle(runs_may_end)) {
      base::warn("asking what is under way to end: {}", describe(published_.state()));
      for (const auto& policy : policies_) policy->cancel();
      if (!turn_until_idle(cancelled_may_end)) give_up();
    }
    base::info("ended");
    return order_.once ? base::exit_code(ErrorKind::cancelled) : 0;
  }

  // Threads that hang cannot be ended one by one. What they have not committed is as if it had
  // never been; their claims lapse.
  [[noreturn]] void give_up() {
    base::alarm("giving up on what does not end: {}", to_json(published_.state()).dump());
    std::fflush(nullptr);
    std::_Exit(base::exit_code(ErrorKind::unavailable));
  }

  const DaemonOrder& order_;
  const DaemonPlugs& plugs_;
  const std::atomic<int>& hang_ups_;
  const base::Clock& clock_;
  std::stop_token stop_;
  Instant started_;
  int heeded_ = 0;
  bool ending_ = false;
  base::ServiceManager manager_;
  base::Stopwatch since_ping_;
  std::string status_;
  schedule::Gate gate_{1};
  std::vector<std::unique_ptr<CarriedPolicy>> policies_;
  bool folder_looked_ = false;
  base::Stopwatch since_folder_;
  Published published_;
  PushSockets pushes_{order_.environment};
  std::map<Address, std::unique_ptr<net::HttpServer>> servers_;  // behind what they answer from
  bool listened_ = false;
  std::string not_listening_;
};

}  // namespace

int run_daemon(const DaemonOrder& order, const DaemonPlugs& plugs, const std::atomic<int>& hang_ups,
               const base::Clock& clock, std::stop_token stop) {
  return Daemon(order, plugs, hang_ups, clock, std::move(stop)).run();
}

}  // namespace app
