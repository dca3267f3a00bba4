#include "schedule/rounds.h"

#include <algorithm>

#include "base/log.h"

namespace schedule {

using base::Duration;
using base::Instant;
using policy::Cadence;

namespace {

// A failure that goes on is told again now and then, and not at every turn.
constexpr Duration tell_again = std::chrono::hours(1);

}  // namespace

Rounds::Rounds(std::vector<Round> rounds, policy::Zone zone) : zone_(std::move(zone)) {
  for (Round& round : rounds) {
    Entry& entry = entries_.emplace_back();
    entry.state.name = round.name;
    entry.round = std::move(round);
  }
}

Rounds::~Rounds() { stop(); }

// The slot or moment whose turn may begin now.
std::optional<Instant> Rounds::due(const Entry& entry, Instant now) const {
  const std::optional<Instant>& begun = entry.state.begun;
  const bool failed = !entry.state.error.empty();
  const auto passed = [&](Duration pause) {
    return !begun || now >= *begun + pause || now < *begun;  // a clock may be put back
  };
  if (const auto* every = std::get_if<Duration>(&entry.round.when)) {
    const Duration pause =
        failed ? std::min(entry.round.retry_after.value_or(*every), *every) : *every;
    return passed(pause) ? std::optional(now) : std::nullopt;
  }
  const Instant slot =
      policy::last_slot_at_or_before(std::get<Cadence>(entry.round.when), zone_, now);
  if (entry.slot && slot == *entry.slot) {
    const bool again = failed && entry.round.retry_after && passed(*entry.round.retry_after);
    return again ? std::optional(slot) : std::nullopt;
  }
  return slot >= started_.value_or(now) - entry.round.catch_up ? std::optional(slot) : std::nullopt;
}

void Rounds::begin(Entry& entry, Instant slot, Instant now) {
  entry.slot = slot;
  {
    const std::lock_guard lock(mutex_);
    entry.state.begun = now;
    entry.state.working = true;
    ++entry.state.turns;
  }
  entry.task = std::make_unique<Task>(
      [work = entry.round.work, slot](const std::stop_token& stop) { work(slot, stop); });
}

void Rounds::reap(Entry& entry, Instant now) {
  if (!entry.task) return;
  if (entry.task->ended()) {
    note_end(entry, entry.task->failure(), now);
    entry.task.reset();
  } else if (!entry.state.hangs && now - *entry.state.begun > entry.round.hangs_after) {
    base::alarm("{} has not ended for {}", entry.round.name,
                base::human_duration(now - *entry.state.begun));
    const std::lock_guard lock(mutex_);
    entry.state.hangs = true;
  }
}

void Rounds::note_end(Entry& entry, const std::optional<base::Error>& failure, Instant now) {
  RoundState& state = entry.state;
  const bool told_already = entry.told && now - *entry.told < tell_again && now >= *entry.told &&
                            failure && failure->message() == state.error;
  if (failure && failure->kind() != base::ErrorKind::cancelled && !told_already) {
    base::alarm("{}: {}{}{}", entry.round.name, failure->message(),
                failure->hint().empty() ? "" : "; ", failure->hint());
    entry.told = now;
  } else if (!failure && state.failing_since) {
    base::info("{} goes well again", entry.round.name);
    entry.told.reset();
  }
  const std::lock_guard lock(mutex_);
  state.working = state.hangs = false;
  if (failure) {
    if (failure->kind() == base::ErrorKind::cancelled) return;
    ++state.failures;
    if (!state.failing_since) state.failing_since = now;
    state.error = failure->message();
    state.kind = failure->kind();
  } else {
    state.failing_since.reset();
    state.error.clear();
    state.kind.reset();
    state.went_well = now;
  }
}

void Rounds::turn(Instant now) {
  if (!started_) started_ = now;
  for (Entry& entry : entries_) {
    reap(entry, now);
    if (entry.task || stopped_) continue;
    if (const std::optional<Instant> slot = due(entry, now)) begin(entry, *slot, now);
  }
}

void Rounds::stop() {
  stopped_ = true;
  for (Entry& entry : entries_) {
    if (entry.task) entry.task->request_stop();
  }
}

bool Rounds::idle(Instant now) {
  for (Entry& entry : entries_) reap(entry, now);
  return std::ranges::none_of(entries_, [](const Entry& entry) { return bool(entry.task); });
}

std::vector<RoundState> Rounds::states() const {
  const std::lock_guard lock(mutex_);
  std::vector<RoundState> states;
  for (const Entry& entry : entries_) states.push_back(entry.state);
  return states;
}

}  // namespace schedule
