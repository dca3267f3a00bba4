#include "policy/due.h"

#include <algorithm>
#include <set>

#include "policy/duration.h"

namespace policy {

namespace {

using base::Duration;
using base::Instant;

// What belongs to one slot.
struct Evidence {
  bool done = false;
  std::vector<const Claim*> claims;
};

// One tier at one moment: which slots there are, and what belongs to each.
class TierJudge {
 public:
  TierJudge(const Tier& tier, const Zone& zone, const TierHistory& history, Instant now)
      : tier_(tier),
        zone_(zone),
        history_(history),
        now_(now),
        edited_on_(local_day(history.cadence_since, zone)),
        slots_(slots_between(tier.cadence, zone, now - tier.retain - 2 * one_day,
                             next_slot_after(tier.cadence, zone, now) + Duration{1})) {
    for (const AcceptedResult& result : history.results) {
      if (is_recent(result.slot)) evidence_for(result.slot).done = true;
    }
    for (const Claim& claim : history.claims) {
      if (is_recent(claim.slot)) evidence_for(claim.slot).claims.push_back(&claim);
    }
  }

  TierStatus judge() const {
    TierStatus status;
    if (!history_.results.empty()) {
      status.last_success = *std::ranges::max_element(history_.results, {}, &AcceptedResult::slot);
    }
    const Instant oldest = now_ - tier_.retain + Duration{1};
    const auto first = std::ranges::lower_bound(slots_, oldest);
    for (auto slot = first; *slot <= now_; ++slot) {  // the last of slots_ is later
      const Evidence evidence = evidence_of(*slot);
      if (!evidence.done && !is_expected(*slot)) continue;
      status.last_slot = judge_slot(*slot, *std::next(slot), evidence);
      if (status.last_slot->state == SlotState::missed) status.missed.push_back(*slot);
    }
    if (status.last_slot) status.last_slot->attempt = attempt_at(*status.last_slot);
    std::set<Instant> kept;
    for (const AcceptedResult& result : history_.results) {
      if (result.slot >= oldest) kept.insert(result.slot);
    }
    status.kept = static_cast<int64_t>(kept.size());
    status.expected = status.kept + static_cast<int64_t>(status.missed.size());
    status.next_slot = slots_.back();
    while (evidence_of(status.next_slot).done) {
      status.next_slot = next_slot_after(tier_.cadence, zone_, status.next_slot);
    }
    return status;
  }

 private:
  // Older slots are not judged; two days more, as a slot of another cadence may stand in for one of
  // the same day.
  bool is_recent(Instant slot) const { return slot > now_ - tier_.retain - 2 * one_day; }

  Evidence& evidence_for(Instant slot) {
    return std::ranges::binary_search(slots_, slot) ? by_slot_[slot] : by_stand_in_[stand_in(slot)];
  }

  Evidence evidence_of(Instant slot) const {
    Evidence all;
    if (const auto own = by_slot_.find(slot); own != by_slot_.end()) all = own->second;
    if (by_stand_in_.empty()) return all;
    if (const auto other = by_stand_in_.find(stand_in(slot)); other != by_stand_in_.end()) {
      all.done = all.done || other->second.done;
      all.claims.insert(all.claims.end(), other->second.claims.begin(), other->second.claims.end());
    }
    return all;
  }

  // What a slot and a result or claim of another cadence must share to belong together: the day, or
  // the interval.
  int64_t stand_in(Instant instant) const {
    if (tier_.cadence.kind == Cadence::Kind::every) {
      return last_slot_at_or_before(tier_.cadence, zone_, instant).time_since_epoch().count();
    }
    return local_day(instant, zone_).time_since_epoch().count();
  }

  bool is_counted_from_edit(Instant slot) const {
    return tier_.cadence.kind != Cadence::Kind::every &&
           history_.cadence_since > history_.adopted && slot < history_.cadence_since &&
           local_day(slot, zone_) == edited_on_;
  }

  bool is_expected(Instant slot) const {
    return slot >= history_.cadence_since || is_counted_from_edit(slot);
  }

  bool is_live(const Claim& claim) const {
    return !claim.failed && now_ < claim.claimed + tier_.finish_within;
  }

  bool any_live(const Evidence& evidence) const {
    return std::ranges::any_of(evidence.claims,
                               [&](const Claim* claim) { return is_live(*claim); });
  }

  SlotStatus judge_slot(Instant slot, Instant next, const Evidence& evidence) const {
    const Instant from = is_counted_from_edit(slot) ? history_.cadence_since : slot;
    SlotStatus status{.slot = slot,
                      .deadline = std::max(from, std::min(from + tier_.finish_within, next))};
    if (evidence.done) {
      status.state = SlotState::done;
    } else if (now_ >= status.deadline) {
      status.state = SlotState::missed;
    } else {
      status.state = any_live(evidence) ? SlotState::running : SlotState::due;
      status.late = evidence.claims.empty() && now_ >= from + tier_.start_within;
    }
    return status;
  }

  std::optional<int> attempt_at(const SlotStatus& status) const {
    if (status.state == SlotState::done || status.state == SlotState::running) return std::nullopt;
    const Evidence evidence = evidence_of(status.slot);
    int last = 0;
    for (const Claim* claim : evidence.claims) {
      if (claim->slot == status.slot) last = std::max(last, claim->attempt);
    }
    if (any_live(evidence) || (status.state == SlotState::missed && last == 0)) return std::nullopt;
    return last + 1;
  }

  const Tier& tier_;
  const Zone& zone_;
  const TierHistory& history_;
  const Instant now_;
  const LocalDay edited_on_;
  const std::vector<Instant> slots_;         // as far back as is judged, and the next
  std::map<Instant, Evidence> by_slot_;      // of slots that this cadence has
  std::map<int64_t, Evidence> by_stand_in_;  // of those that other cadences left
};

}  // namespace

std::string_view name(SlotState state) {
  switch (state) {
    case SlotState::due:
      return "due";
    case SlotState::running:
      return "running";
    case SlotState::done:
      return "done";
    case SlotState::missed:
      return "missed";
  }
  return "unknown";
}

std::string_view name(TieredLayer layer) {
  return layer == TieredLayer::snapshots ? "snapshots" : "dumps";
}

TierStatus judge_tier(const Tier& tier, const Zone& zone, const TierHistory& history, Instant now) {
  return TierJudge(tier, zone, history, now).judge();
}

std::vector<TierReport> judge_policy(const Policy& policy,
                                     const std::map<TierKey, TierHistory>& histories, Instant now) {
  std::vector<TierReport> reports;
  const auto judge = [&](TieredLayer layer, const Tier& tier) {
    TierKey key{layer, tier.name};
    const auto known = histories.find(key);
    const TierHistory fresh{.adopted = now, .cadence_since = now, .results = {}, .claims = {}};
    const TierHistory& history = known == histories.end() ? fresh : known->second;
    reports.push_back({std::move(key), judge_tier(tier, policy.timezone, history, now)});
  };
  for (const Tier& tier : policy.layers.snapshots) judge(TieredLayer::snapshots, tier);
  for (const DumpTier& dump : policy.layers.dumps) judge(TieredLayer::dumps, dump.tier);
  return reports;
}

std::vector<DueRun> runs_due(const std::vector<TierReport>& reports) {
  std::vector<DueRun> runs;
  for (const TierReport& report : reports) {
    const std::optional<SlotStatus>& last = report.status.last_slot;
    if (!last || !last->attempt) continue;
    const TieredLayer layer = report.key.layer;
    const auto shared = std::ranges::find_if(runs, [&](const DueRun& run) {
      return layer == TieredLayer::snapshots && run.layer == layer && run.slot == last->slot;
    });
    const DueRun::Ticket ticket{report.key.tier, *last->attempt};
    if (shared != runs.end()) {
      shared->tickets.push_back(ticket);
    } else {
      runs.push_back({.layer = layer, .slot = last->slot, .tickets = {ticket}});
    }
  }
  std::ranges::stable_sort(runs, {}, &DueRun::slot);
  return runs;
}

}  // namespace policy
