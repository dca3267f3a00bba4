#include "monitor/server.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "policy/duration.h"

namespace monitor {

using base::Duration;
using base::Instant;
using std::chrono::minutes;

namespace {

constexpr Duration clock_tolerance = minutes(1);
constexpr Duration heartbeat_late = minutes(3);  // of a row that is written each minute
constexpr Duration heartbeat_gone = minutes(10);
constexpr int64_t ready_many = 32;  // segments that wait
constexpr uint64_t slot_retained_max = 10ULL << 30;
// Of the disk that pg_wal is on: a server whose pg_wal is full stops.
constexpr uint64_t free_percent_low = 20;       // while segments pile up
constexpr uint64_t free_percent_critical = 10;  // whatever fills it

class ServerJudge {
 public:
  ServerJudge(const policy::Policy& policy, const ServerFacts& facts,
              std::optional<Instant> last_transaction, Instant now)
      : policy_(policy), facts_(facts), last_transaction_(last_transaction), now_(now) {}

  std::vector<Finding> run() {
    if (!facts_.unreachable.empty()) {
      find(Severity::notice, "server:unreachable", "archiver",
           fmt::format("the database server was not asked: {}", facts_.unreachable),
           "nothing to do where the watcher is elsewhere: it judges by what is stored");
    } else {
      judge_clock();
      judge_disk();
      judge_heartbeat();
      if (policy_.layers.pitr) {
        policy_.layers.pitr->receive ? judge_receiver() : judge_archiver();
      }
    }
    judge_rpo();
    return std::move(findings_);
  }

 private:
  Finding& find(Severity severity, std::string key, std::string section, std::string what,
                std::string remedy) {
    findings_.push_back({.severity = severity,
                         .what = std::move(what),
                         .remedy = std::move(remedy),
                         .key = std::move(key),
                         .section = std::move(section),
                         .since = {}});
    return findings_.back();
  }

  void judge_clock() {
    if (std::chrono::abs(facts_.clock_ahead) <= clock_tolerance) return;
    find(Severity::critical, "clock:server", "clock",
         fmt::format("the database server's clock is {} {} this host's",
                     base::human_duration(std::chrono::abs(facts_.clock_ahead)),
                     facts_.clock_ahead > Duration(0) ? "ahead of" : "behind"),
         "set both right (NTP): restores to a time mean the server's clock");
  }

  // How much the archiver has not got rid of.
  std::string backlog() const {
    if (!facts_.ready_files) return "";
    return fmt::format("; {} segments wait in pg_wal", *facts_.ready_files);
  }

  void judge_archiver() {
    if (facts_.standby) return;  // its primary archives
    if (!facts_.archives) {
      find(Severity::critical, "archiver:off", "archiver",
           "the server does not archive: archive_mode is off, or there is no archive_command",
           "'seawall check' prints the lines for postgresql.conf");
      return;
    }
    const bool failing = facts_.last_failed &&
                         (!facts_.last_archived || *facts_.last_failed > *facts_.last_archived);
    if (failing) {
      find(Severity::critical, "archiver:failing", "archiver",
           fmt::format("the archiver fails: {} attempts until now, the last for {}{}",
                       facts_.failed_count, facts_.last_failed_wal, backlog()),
           "the server's log has the line of 'seawall wal push' that says why; 'seawall check'")
          .since = facts_.last_archived;
    } else if (facts_.ready_files && *facts_.ready_files >= ready_many) {
      find(Severity::warning, "archiver:behind", "archiver",
           fmt::format("the archiver does not keep up{}", backlog()),
           "look at the way to the store, and at pg_stat_archiver: it has not failed")
          .since = facts_.last_archived;
    }
  }

  void judge_receiver() {
    const std::string& name = policy_.layers.pitr->receive->slot;
    if (!facts_.slot || !facts_.slot->there) {
      find(Severity::critical, "receiver:none", "archiver",
           fmt::format("the server has no replication slot {}", name),
           "start the receiver: seawall run, or seawall wal receive");
      return;
    }
    if (facts_.slot->wal_status == "lost") {
      find(Severity::critical, "receiver:lost", "wal-hole",
           fmt::format("the server has dropped WAL that the slot {} had not sent", name),
           "take a snapshot now: seawall backup snapshots; then drop the slot, and start the "
           "receiver anew");
    } else if (!facts_.slot->active) {
      find(Severity::critical, "receiver:stopped", "archiver",
           fmt::format("nobody receives from the slot {}; the server keeps {} of WAL for it", name,
                       base::human_bytes(facts_.slot->retained_bytes)),
           "start the receiver: seawall run, or seawall wal receive");
    } else if (facts_.slot->retained_bytes > slot_retained_max) {
      find(Severity::warning, "receiver:behind", "archiver",
           fmt::format("the receiver is {} behind", base::human_bytes(facts_.slot->retained_bytes)),
           "look at the way to the store, and at the receiver's log");
    }
  }

  void judge_disk() {
    if (!facts_.disk_free_bytes || !facts_.disk_bytes || *facts_.disk_bytes == 0) return;
    const uint64_t percent = *facts_.disk_free_bytes * 100 / *facts_.disk_bytes;
    const bool piles_up = facts_.ready_files && *facts_.ready_files >= ready_many / 2;
    if (percent >= (piles_up ? free_percent_low : free_percent_critical)) return;
    find(percent < free_percent_critical ? Severity::critical : Severity::warning, "disk:pg_wal",
         "disk-full",
         fmt::format("the disk of pg_wal has {} free of {}; pg_wal takes {}{}",
                     base::human_bytes(*facts_.disk_free_bytes),
                     base::human_bytes(*facts_.disk_bytes), base::human_bytes(facts_.wal_bytes),
                     backlog()),
         piles_up ? "mend archiving first: PostgreSQL removes what is archived by itself; never "
                    "delete in pg_wal"
                  : "make room: a server whose pg_wal is full stops");
  }

  void judge_heartbeat() {
    if (!policy_.run.heartbeat || facts_.standby) return;
    if (!facts_.heartbeat) {
      find(Severity::warning, "heartbeat:none", "daemon",
           facts_.heartbeat_table ? "the heartbeat table has no row"
                                  : "there is no table seawall.heartbeat, which the policy wants",
           "is the daemon running? seawall run; 'seawall apply' makes the table");
      return;
    }
    const Duration age = now_ + facts_.clock_ahead - *facts_.heartbeat;
    if (age <= heartbeat_late) return;
    find(age > heartbeat_gone ? Severity::critical : Severity::warning, "heartbeat:late", "daemon",
         fmt::format("the daemon is wedged or stopped: it writes a heartbeat row each minute, and "
                     "the last is {} old",
                     base::human_duration(age)),
         "look at it and start it again: systemctl status seawall")
        .since = *facts_.heartbeat;
  }

  // A database that nobody writes to has nothing to lose, however old its last transaction is.
  // That it is idle is known of one that writes its heartbeat (it never is), or that could be
  // asked.
  void judge_rpo() {
    const bool written_to =
        policy_.run.heartbeat || (facts_.unreachable.empty() && !facts_.all_archived);
    if (!policy_.layers.pitr || !policy_.objectives.rpo || !last_transaction_ || !written_to)
      return;
    const Duration lag = now_ - *last_transaction_;
    const Duration objective = *policy_.objectives.rpo;
    if (lag <= objective + minutes(2)) return;
    const bool bad = lag > std::max<Duration>(5 * objective, minutes(15));
    find(bad ? Severity::critical : Severity::warning, "rpo:exceeded", "archiver",
         fmt::format("the newest transaction that could be brought back is {} old; the objective "
                     "is {}",
                     base::human_duration(lag), policy::describe_duration(objective)),
         policy_.layers.pitr->receive
             ? "is the receiver running, and the heartbeat being written?"
             : "archive_timeout bounds it, layers.pitr.receive in the policy makes it seconds")
        .since = *last_transaction_;
  }

  const policy::Policy& policy_;
  const ServerFacts& facts_;
  std::optional<Instant> last_transaction_;
  Instant now_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> judge_server(const policy::Policy& policy, const ServerFacts& facts,
                                  std::optional<Instant> last_transaction, Instant now) {
  return ServerJudge(policy, facts, last_transaction, now).run();
}

}  // namespace monitor
