// One policy that the daemon carries out: its file watched, its store looked at, its runs started,
// its rounds turned. turn() only decides; whatever waits for a store, a server or a disk does so in
// a thread of its own, so the loop that calls it never hangs.
//
//   file ──> PolicyText ──┬─> look ──> RunQueue ──> runs      claims decide which of several
//        (a broken one    └─> Rounds                           daemons runs a slot
//         is told, and the one before goes on)
//
// Belongs to the loop's thread, but for findings().
#pragma once

#include <list>
#include <memory>
#include <mutex>

#include "app/daemon_look.h"
#include "app/daemon_state.h"

namespace app {

// What others add to the daemon. Called by its loop.
struct DaemonPlugs {
  // Further rounds of a policy: a watcher, drills. Asked for whenever a version of it is taken up.
  // `own_findings` says what is wrong with the daemon itself, as of its last turn; any thread may
  // ask.
  using OwnFindings = std::function<std::vector<monitor::Finding>()>;
  std::function<std::vector<schedule::Round>(std::shared_ptr<const PolicyText> policy,
                                             OwnFindings own_findings)>
      rounds;
  // Further lines of /metrics; called by threads of the HTTP server.
  std::function<std::string()> metrics;
};

class CarriedPolicy {
 public:
  // Throws if a policy cannot be carried beside the others.
  using Fits = std::function<void(const policy::Policy& policy)>;

  // Throws what is wrong with the file, unless that is to be carried along as broken. Each version
  // of the policy must fit; the loop's thread asks.
  CarriedPolicy(base::Path file, bool even_if_broken, Fits fits, schedule::Gate& gate,
                const DaemonPlugs& plugs, bool once, base::Instant now);
  ~CarriedPolicy();

  void turn(base::Instant now);
  // Reads the file now, and not when its turn comes.
  void reload(base::Instant now);
  // Starts nothing any more; what is under way may end.
  void begin_end();
  // Asks what is under way to end.
  void cancel();
  // Whether nothing is under way, as of the last turn.
  bool idle() const;
  // For a program that runs once: whether all that was due has been tried, as of the last turn.
  bool done(base::Instant now) const;

  // The version that is carried out; null: none.
  const std::shared_ptr<const PolicyText>& text() const { return text_; }
  const policy::Policy* policy() const { return text_ ? &text_->policy : nullptr; }
  const base::Path& file() const { return file_; }
  PolicyState state() const;
  // What is wrong with the daemon itself, as of the last turn; any thread may ask.
  std::vector<monitor::Finding> findings() const;
  // Of what failed first, in a run or a look; else of a round whose last turn failed.
  std::optional<base::ErrorKind> first_failure() const;

 private:
  struct Run;
  struct Looking;

  void watch_file(base::Instant now);
  void take_up(std::string text, base::Instant now);
  void forget_breakage();
  void break_with(const base::Error& failure, base::Instant now);
  std::unique_ptr<schedule::Rounds> make_rounds(std::shared_ptr<const PolicyText> text) const;

  void turn_look(base::Instant now);
  void note_look(base::Instant now);
  void note_run(Run& run, base::Instant now);
  void start_runs(base::Instant now);
  void watch_length(Run& run, base::Instant now) const;
  void note_failure(const base::Error& failure);

  base::Path file_;
  Fits fits_;
  const DaemonPlugs& plugs_;
  bool once_;
  bool ending_ = false;

  // ---- the file
  std::shared_ptr<const PolicyText> text_;  // shared with the work under way
  std::optional<std::string> broken_text_;  // as it was found, and cannot be used
  std::optional<std::string> new_text_;     // found once; taken up when it is found again
  std::optional<base::Instant> loaded_, broken_since_, file_looked_;
  std::string broken_;

  // ---- what is due
  schedule::RunQueue queue_;
  std::shared_ptr<storage::ReadMemory> memory_;  // of looks; shared with the one under way
  std::unique_ptr<Looking> looking_;
  std::optional<base::Instant> looked_, next_look_;
  std::string unreachable_;
  int looks_failed_ = 0;

  // ---- what is done
  std::list<Run> runs_;
  std::map<policy::TierKey, RunCounts> counts_;
  std::unique_ptr<schedule::Rounds> rounds_;
  std::list<std::unique_ptr<schedule::Rounds>> old_rounds_;  // that end
  std::optional<base::ErrorKind> first_failure_;

  std::shared_ptr<std::pair<std::mutex, std::vector<monitor::Finding>>>
      findings_;  // shared with rounds that outlive this turn
};

}  // namespace app
