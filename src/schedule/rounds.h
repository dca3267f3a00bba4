// What is done again and again beside the runs of a policy: a heartbeat, a look at the backups, a
// probe, a drill. Each round has a thread of its own while it works, so one that fails or hangs is
// told of, and holds up no other. A round whose last turn has not ended is not begun again.
//
// Belongs to one thread, but for states(); the rounds' work runs in threads of its own.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "policy/calendar.h"
#include "schedule/task.h"

namespace schedule {

struct Round {
  std::string name;  // "heartbeat"
  // How often, or when by the clock on the wall. Of a cadence, `work` is given the slot, and
  // decides with it whether another daemon has it; of an interval, the moment.
  std::variant<base::Duration, policy::Cadence> when;
  std::function<void(base::Instant slot, std::stop_token stop)> work;
  // Of a cadence: a slot that passed this long before the start is still taken up.
  base::Duration catch_up{};
  // From here on a turn that has not ended is told of.
  base::Duration hangs_after = std::chrono::minutes(10);
  // How soon a turn that failed is begun again, where that is sooner than the next; of a cadence,
  // in the same slot.
  std::optional<base::Duration> retry_after;
};

struct RoundState {
  std::string name;
  std::optional<base::Instant> begun;      // the last turn
  std::optional<base::Instant> went_well;  // the last that did
  bool working = false;
  bool hangs = false;
  uint64_t turns = 0;
  uint64_t failures = 0;
  std::optional<base::Instant> failing_since;
  std::string error;                    // of the last turn; empty: it went well
  std::optional<base::ErrorKind> kind;  // of the same
};

class Rounds {
 public:
  Rounds(std::vector<Round> rounds, policy::Zone zone);
  ~Rounds();  // stops and waits

  // Takes note of what ended, and begins what is due.
  void turn(base::Instant now);
  // Begins nothing any more, and asks what works to stop.
  void stop();
  // Takes note of what ended; whether nothing is working.
  bool idle(base::Instant now);
  std::vector<RoundState> states() const;

 private:
  struct Entry {
    Round round;
    std::unique_ptr<Task> task;
    std::optional<base::Instant> slot;  // the last one that was begun, or let go
    std::optional<base::Instant> told;  // of the failure that goes on
    RoundState state;
  };

  std::optional<base::Instant> due(const Entry& entry, base::Instant now) const;
  void begin(Entry& entry, base::Instant slot, base::Instant now);
  void reap(Entry& entry, base::Instant now);
  void note_end(Entry& entry, const std::optional<base::Error>& failure, base::Instant now);

  policy::Zone zone_;
  std::optional<base::Instant> started_;
  bool stopped_ = false;
  mutable std::mutex mutex_;  // guards the states
  std::list<Entry> entries_;
};

}  // namespace schedule
