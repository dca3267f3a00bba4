#include "app/dump_run.h"

#include <algorithm>

#include "base/error.h"

namespace app {

using policy::TieredLayer;
using repository::DumpRecord;
using repository::StoredDump;

namespace {

// Whether a finished dump is the slot's. Who may write records and not open them goes by the runs'
// own records and by what is listed.
bool has_dump(const repository::Repository& repository, storage::ObjectStore& store,
              const Slot& slot, std::stop_token stop) {
  const std::vector<StoredDump> dumps = repository::list_dumps(store, stop);
  const auto by_record = [&](const StoredDump& dump) {
    if (!dump.finished) return false;
    const DumpRecord record = repository::read_record(store, dump.name, stop);
    return record.tier == slot.tiers[0] && record.slot == slot.due;
  };
  try {
    return std::ranges::any_of(dumps, by_record);
  } catch (const base::Error& failure) {
    if (failure.kind() != base::ErrorKind::denied) throw;
  }
  for (const repository::RunRecord& run :
       repository::read_runs(repository, slot.rows[0].lane, stop)) {
    if (!run.ok || run.slot != *slot.due) continue;
    const std::string name = base::member<std::string>(run.details, "dump");
    const auto is_it = [&](const StoredDump& dump) {
      return dump.finished && dump.name.text() == name;
    };
    if (std::ranges::any_of(dumps, is_it)) return true;
  }
  return false;
}

}  // namespace

DumpOutcome run_dump(Context& context, const DumpOrder& order, layers::DumpProgress& progress,
                     ReplicaProgress& copying, std::stop_token stop) {
  context.caps().step_back();
  const repository::Repository repository = context.repository(stop);
  const policy::DumpTier& tier = context.dump_tier(order.slot ? order.slot->tiers[0] : order.like);
  const Slot slot = order.slot ? *order.slot : slot_by_hand(TieredLayer::dumps);
  storage::ObjectStore& store = context.dump_store(tier.tier.name);
  DumpOutcome outcome;
  if (slot.due && has_dump(repository, store, slot, stop)) {
    outcome.replica = replicate(context, tier, copying, stop);
    return outcome;
  }

  // Of a run that woke up after another had its slot: one slot has one dump.
  const auto require_wanted = [&] {
    if (slot.due && has_dump(repository, store, slot, stop))
      throw base::error(base::ErrorKind::conflict, "another run has taken the dump of the slot {}",
                        base::to_compact(*slot.due));
  };
  const auto work = [&](const repository::Claim&) {
    const layers::DumpRequest request{
        .url = connection_url(context.policy().database.connection),
        .tier = slot.due ? tier.tier.name : "",
        .slot = slot.due,
        .zone = context.policy().timezone,
        .left_out = context.policy().exclude.rows_of,
        .compress = tier.options.compress,
        .roles_with_passwords = tier.roles_with_passwords,
        .again = order.again || slot.due,  // a slot's own dump is not its day's second thought
        .programs = order.programs,
        .before_record = require_wanted};
    outcome.record = layers::take_dump(store, request, progress, stop);
    const DumpRecord& record = *outcome.record;
    base::Json details = {{"dump", record.name.text()},
                          {"store", store.url()},
                          {"size", record.size},
                          {"sha256", record.sha256 ? base::Json(*record.sha256) : nullptr},
                          {"read_back", record.read_back()}};
    outcome.replica = replicate(context, tier, copying, stop);
    if (outcome.replica) details["replica"] = to_json(*outcome.replica);
    return details;
  };
  const auto so_far = [&] { return base::Json{{"phases", progress.phase.to_json()}}; };
  run_slot(repository, slot, std::nullopt, work, so_far, stop);
  return outcome;
}

}  // namespace app
