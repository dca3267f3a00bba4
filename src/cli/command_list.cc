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

// Of one tier. A dump without its record is what a run left that did not end well.
void list_dumps(app::Context& context, const policy::DumpTier& tier, Rows& rows, base::Json& json,
                const std::stop_token& stop) {
  storage::ObjectStore& store = context.dump_store(tier.tier.name);
  for (const repository::StoredDump& dump : repository::list_dumps(store, stop)) {
    const std::string name = dump.name.text();
    if (!dump.finished) {
      rows.push_back({name, tier.tier.name, "unfinished", base::human_bytes(dump.size), "", ""});
      json.push_back(
          {{"name", name}, {"tier", tier.tier.name}, {"size", dump.size}, {"finished", nullptr}});
      continue;
    }
    const repository::DumpRecord record = repository::read_record(store, dump.name, stop);
    rows.push_back({name, record.tier, to_second(record.snapshot_at),
                    base::human_bytes(record.size), std::to_string(record.rows()),
                    record.server_version.substr(0, record.server_version.find(' '))});
    json.push_back(summary(record));
  }
}

void list(const Globals& globals) {
  app::Context context = globals.context();
  Rows snapshots = {{"snapshot", "tiers", "ended (UTC)", "timeline", "size", "added", "from"}};
  Rows dumps = {{"dump", "tier", "as of (UTC)", "size", "rows", "server"}};
  base::Json json = {{"snapshots", list_snapshots(context, snapshots, globals.token())},
                     {"dumps", base::Json::array()}};
  for (const policy::DumpTier& tier : context.policy().layers.dumps)
    list_dumps(context, tier, dumps, json["dumps"], globals.token());
  if (globals.json) return print_json(json);
  print_table(snapshots);
  if (context.policy().layers.dumps.empty()) return;
  fmt::print("\n");
  print_table(dumps);
}

}  // namespace

void add_list(CLI::App& program, Globals& globals) {
  CLI::App* command = program.add_subcommand("list", "show what can be restored");
  command->callback([&globals] { list(globals); });
}

}  // namespace cli
