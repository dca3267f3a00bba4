#include "app/dump_run.h"

#include <algorithm>

#include "app/slot_run.h"

namespace app {

using policy::TieredLayer;
using repository::DumpRecord;
using repository::StoredDump;

namespace {

bool has_dump(storage::ObjectStore& store, const std::string& tier, base::Instant slot,
              std::stop_token stop) {
  return std::ranges::any_of(repository::list_dumps(store, stop), [&](const StoredDump& dump) {
    if (!dump.finished) return false;
    const DumpRecord record = repository::read_record(store, dump.name, stop);
    return record.tier == tier && record.slot == slot;
  });
}

}  // namespace

std::optional<DumpRecord> run_dump(Context& context, const DumpOrder& order,
                                   layers::DumpProgress& progress, std::stop_token stop) {
  const repository::Repository repository = context.repository(stop);
  const base::Instant now = base::system_clock().now();
  const policy::DumpTier& tier = context.dump_tier(order.slot_of.value_or(order.like));
  const Slot slot = order.slot_of
                        ? newest_slot(context.policy(), TieredLayer::dumps, tier.tier.name, now)
                        : slot_by_hand(TieredLayer::dumps);
  storage::ObjectStore& store = context.dump_store(tier.tier.name);
  if (slot.due && has_dump(store, tier.tier.name, *slot.due, stop)) return std::nullopt;

  std::optional<DumpRecord> record;
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
        .programs = order.programs};
    record = layers::take_dump(store, request, progress, stop);
    return base::Json{{"dump", record->name.text()},
                      {"store", store.url()},
                      {"size", record->size},
                      {"sha256", record->sha256}};
  };
  run_slot(repository, slot, std::nullopt, work, stop);
  return record;
}

}  // namespace app
