#include "cli/command.h"
#include "repository/dump_record.h"
#include "repository/snapshot_root.h"

namespace cli {

namespace {

using Rows = std::vector<std::vector<std::string>>;

std::string to_second(base::Instant instant) {
  return base::to_rfc3339(std::chrono::floor<std::chrono::seconds>(instant));
}

base::Json list_snapshots(app::Context& context, Rows& rows, const std::stop_token& stop) {
  const repository::Repository repository = context.repository(stop);
  base::Json json = base::Json::array();
  std::vector<repository::UnreadableRoot> unreadable;
  for (const repository::Epoch& epoch : repository.epochs(stop)) {
    for (const repository::SnapshotRoot& root :
         repository::read_snapshots(repository, epoch.number, unreadable, stop)) {
      rows.push_back(
          {root.id, root.tiers.empty() ? "by hand" : fmt::format("{}", fmt::join(root.tiers, ", ")),
           to_second(root.stopped), std::to_string(root.timeline.value),
           base::human_bytes(root.totals.bytes), base::human_bytes(root.totals.stored_bytes),
           root.from});
      base::Json one = to_json(root);
      one.erase("shards");
      one.erase("packs");
      json.push_back(std::move(one));
    }
  }
  for (const repository::UnreadableRoot& root : unreadable) {
    rows.push_back({root.id, "DAMAGED", "", "", "", "", ""});
    json.push_back({{"id", root.id}, {"unreadable", root.why}});
  }
  return json;
}

// Where a tier's copies are: what its replica lists, or why that is not known.
struct Copies {
  std::string url;
  std::vector<repository::StoredDump> there;
  std::string unreachable;

  std::string_view state(const repository::DumpName& name) const {
    if (!unreachable.empty()) return "unknown";
    const auto copy = std::ranges::find(there, name, &repository::StoredDump::name);
    return copy != there.end() && copy->finished ? "there" : "missing";
  }
};

std::optional<Copies> copies_of(app::Context& context, const policy::DumpTier& tier,
                                const std::stop_token& stop) {
  if (!tier.replica) return std::nullopt;
  Copies copies{.url = tier.replica->store.url(), .there = {}, .unreachable = {}};
  try {
    const app::ReplicaPlace place = app::open_replica(context, tier, std::chrono::seconds(20));
    copies.there = repository::list_dumps(*place.stored, stop);
  } catch (const base::Error& failure) {
    if (failure.kind() == base::ErrorKind::cancelled) throw;
    copies.unreachable = failure.message();
  }
  return copies;
}

// Of one tier. A dump without its record is what a run left that did not end well, or what is just
// about to expire: objects that are old enough go one by one.
void list_dumps(storage::ObjectStore& store, const policy::DumpTier& tier,
                const std::optional<Copies>& copies, Rows& rows, base::Json& json,
                const std::stop_token& stop) {
  const base::Instant now = base::system_clock().now();
  for (const repository::StoredDump& dump : repository::list_dumps(store, stop)) {
    const std::string name = dump.name.text();
    if (!dump.finished) {
      const char* state = now - dump.modified > tier.tier.retain ? "expiring" : "unfinished";
      rows.push_back({name, tier.tier.name, state, base::human_bytes(dump.size), "", "", ""});
      json.push_back(
          {{"name", name}, {"tier", tier.tier.name}, {"size", dump.size}, {"finished", nullptr}});
      continue;
    }
    repository::DumpRecord record;
    try {
      record = repository::read_record(store, dump.name, stop);
    } catch (const base::Error& failure) {
      if (failure.kind() == base::ErrorKind::absent) continue;  // expired while we looked
      throw;
    }
    const std::string_view copy = copies ? copies->state(dump.name) : "-";
    rows.push_back({name, record.tier, to_second(record.snapshot_at),
                    base::human_bytes(record.size), std::to_string(record.rows()),
                    record.server_version.substr(0, record.server_version.find(' ')),
                    std::string(copy)});
    base::Json one = summary(record);
    if (copies) one["replica"] = {{"store", copies->url}, {"state", copy}};
    json.push_back(std::move(one));
  }
}

Rows head_of_dumps() { return {{"dump", "tier", "as of (UTC)", "size", "rows", "server", "copy"}}; }

// What is there when the first region is not: nothing of it is asked.
void list_replicas(const Globals& globals) {
  app::Context context = globals.context();
  Rows dumps = head_of_dumps();
  base::Json json = {{"dumps", base::Json::array()}};
  for (const policy::DumpTier& tier : context.policy().layers.dumps) {
    if (!tier.replica) continue;
    const app::ReplicaPlace place = app::open_replica(context, tier);
    list_dumps(place.in_clear(), tier, std::nullopt, dumps, json["dumps"], globals.token());
  }
  if (globals.json) return print_json(json);
  print_table(dumps);
}

void list(const Globals& globals) {
  app::Context context = globals.context();
  Rows snapshots = {{"snapshot", "tiers", "ended (UTC)", "timeline", "size", "added", "from"}};
  Rows dumps = head_of_dumps();
  base::Json json = {{"snapshots", list_snapshots(context, snapshots, globals.token())},
                     {"dumps", base::Json::array()}};
  std::vector<std::string> unreachable;
  for (const policy::DumpTier& tier : context.policy().layers.dumps) {
    const std::optional<Copies> copies = copies_of(context, tier, globals.token());
    if (copies && !copies->unreachable.empty()) unreachable.push_back(copies->unreachable);
    list_dumps(context.dump_store(tier.tier.name), tier, copies, dumps, json["dumps"],
               globals.token());
  }
  if (globals.json) return print_json(json);
  print_table(snapshots);
  if (context.policy().layers.dumps.empty()) return;
  fmt::print("\n");
  print_table(dumps);
  for (const std::string& why : unreachable) fmt::print("a replica cannot be looked at: {}\n", why);
}

}  // namespace

void add_list(CLI::App& program, Globals& globals) {
  CLI::App* command = program.add_subcommand("list", "show what can be restored");
  auto from_replica = std::make_shared<bool>(false);  // outlives this function with the callback
  command->add_flag("--from-replica", *from_replica,
                    "the dumps in replicas, without asking the first region for anything");
  command->callback(
      [&globals, from_replica] { *from_replica ? list_replicas(globals) : list(globals); });
}

}  // namespace cli
