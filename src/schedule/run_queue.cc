#include "schedule/run_queue.h"

#include <algorithm>

#include "base/error.h"

namespace schedule {

using base::Duration;
using base::Instant;
using policy::DueRun;
using policy::TierKey;

namespace {

constexpr Duration look_while_others_work = std::chrono::minutes(1);
constexpr Duration look_at_rest = std::chrono::minutes(10);

}  // namespace

Offer offer_of(const std::vector<policy::TierReport>& reports,
               std::map<TierKey, FailedAttempt> failed) {
  Offer offer{.due = policy::runs_due(reports), .running = {}, .failed = std::move(failed)};
  for (const policy::TierReport& report : reports) {
    offer.next_slot = std::min(offer.next_slot, report.status.next_slot);
    const std::optional<policy::SlotStatus>& last = report.status.last_slot;
    if (last && last->state == policy::SlotState::running)
      offer.running.emplace_back(report.key.layer, last->slot);
  }
  return offer;
}

Duration pause_after(int failures, Duration retry_after) {
  const Duration most = std::max(pause_max, retry_after);
  Duration pause = retry_after;
  for (int i = 1; i < failures && pause < most; ++i) pause *= 2;
  return std::min(pause, most);
}

bool RunQueue::offer(Look look, Offer offer) {
  if (look < offered_at_) return false;
  offered_at_ = look;
  offered_ = std::move(offer);
  // What is no longer offered, and has ended before this look began, is settled.
  const auto settled = [&](const Key& key) {
    return std::ranges::none_of(offered_.due,
                                [&](const DueRun& run) { return key_of(run) == key; });
  };
  std::erase_if(ended_at_,
                [&](const auto& one) { return one.second < look && settled(one.first); });
  std::erase_if(turns_, [&](const auto& one) {
    return !ended_at_.contains(one.first) && !under_way_.contains(one.first) && settled(one.first);
  });
  return true;
}

bool RunQueue::is_open(const DueRun& run) const {
  const auto ended = ended_at_.find(key_of(run));
  if (ended != ended_at_.end() && offered_at_ <= ended->second) return false;
  // An older slot of the same tier that is still under way here: one after the other.
  return std::ranges::none_of(under_way_, [&](const auto& other) {
    return other.second.layer == run.layer &&
           std::ranges::any_of(other.second.tickets, [&](const DueRun::Ticket& ticket) {
             return std::ranges::find(run.tickets, ticket.tier, &DueRun::Ticket::tier) !=
                    run.tickets.end();
           });
  });
}

Instant RunQueue::not_before(const DueRun& run, Instant now) const {
  Instant when = run.slot;
  const auto wait = [&](Instant since, int failures) {
    // A clock that was put back must not make anybody wait for longer than the pause.
    when = std::max(when, std::min(since, now) + pause_after(failures, retry_after_));
  };
  if (const auto here = turns_.find(key_of(run)); here != turns_.end())
    wait(here->second.last, here->second.count);
  for (const DueRun::Ticket& ticket : run.tickets) {
    const auto told = offered_.failed.find({run.layer, ticket.tier});
    if (told != offered_.failed.end() && told->second.slot == run.slot)
      wait(told->second.ended, told->second.attempt);
  }
  return when;
}

std::vector<DueRun> RunQueue::choose(Instant now) {
  std::vector<DueRun> chosen;
  for (const DueRun& run : offered_.due) {
    if (!is_open(run) || not_before(run, now) > now || !gate_.has_room(run.layer)) continue;
    gate_.enter(run.layer);
    under_way_.emplace(key_of(run), run);
    chosen.push_back(run);
  }
  return chosen;
}

void RunQueue::ended(const DueRun& run, RunEnd end, Instant now) {
  const Key key = key_of(run);
  CHECK(under_way_.erase(key) == 1);
  gate_.leave(run.layer);
  ended_at_[key] = looks_;
  if (end == RunEnd::cancelled) return;
  ++turns_[key].count;
  turns_[key].last = now;
}

bool RunQueue::waits_for_room(Instant now) const {
  return std::ranges::any_of(
      offered_.due, [&](const DueRun& run) { return is_open(run) && not_before(run, now) <= now; });
}

Instant RunQueue::next_look(Instant now) const {
  const bool others = std::ranges::any_of(
      offered_.running, [&](const Key& slot) { return !under_way_.contains(slot); });
  const bool soon = others || waits_for_room(now);
  Instant next = std::min(now + (soon ? look_while_others_work : look_at_rest), offered_.next_slot);
  for (const DueRun& run : offered_.due) {
    if (!is_open(run)) continue;
    if (const Instant when = not_before(run, now); when > now) next = std::min(next, when);
  }
  return next;
}

}  // namespace schedule
