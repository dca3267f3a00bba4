#include <map>

#include "app/probe.h"
#include "base/log.h"
#include "cli/command.h"
#include "monitor/catalog.h"
#include "policy/duration.h"
#include "repository/dump_store.h"

namespace cli {

namespace {

struct PruneOptions {
  bool apply = false;
  bool all = false;
  std::string wait;
};

// Longer than the longest run may take: what a run builds upon must outlive it.
base::Duration default_wait(const policy::Policy& policy) {
  base::Duration longest = std::chrono::hours(2);
  for (const policy::Tier& tier : policy.layers.snapshots)
    longest = std::max(longest, tier.finish_within);
  return longest * 2;
}

repository::SweepRules rules_from(const policy::Policy& policy, const policy::Retention& retention,
                                  base::Duration wait) {
  auto verdicts =
      std::make_shared<std::map<std::string, policy::Verdict>>();  // shared by both rules
  for (const policy::Verdict& verdict : retention.snapshots) verdicts->emplace(verdict.id, verdict);
  repository::SweepRules rules;
  rules.wait = wait;
  if (policy.repository.lock) rules.locked = policy.repository.lock->duration;
  rules.keep_snapshot = [verdicts](const repository::SnapshotRoot& root, std::string& reason) {
    const auto at = verdicts->find(root.id);
    if (at == verdicts->end()) {
      reason = "it was committed just now";
      return true;
    }
    reason = fmt::format("{}", fmt::join(at->second.reasons, "; "));
    return at->second.keep;
  };
  rules.keep_wal = [retention, &policy](const repository::Epoch& epoch, postgres::Timeline timeline,
                                        postgres::Lsn begin, postgres::Lsn end,
                                        std::string& reason) {
    const policy::WalPiece piece{epoch.number.value, timeline.value, begin.value, end.value};
    if (!policy.layers.pitr || !policy::needed(retention, piece)) {
      reason = "no snapshot that is kept and no moment of the recovery window needs it";
      return !policy.layers
                  .pitr;  // without a pitr layer nobody promised what to keep: nothing goes
    }
    reason = "the recovery window or a snapshot needs it";
    return true;
  };
  return rules;
}

repository::DumpSweepPlan plan_dumps(app::Context& context, const std::string& tier,
                                     const policy::Retention& retention, base::Instant now,
                                     std::stop_token stop) {
  std::map<std::string, policy::Verdict> verdicts;
  for (const policy::Verdict& verdict : retention.dumps) verdicts.emplace(verdict.id, verdict);
  const auto keep = [&](const repository::DumpName& name, std::string& reason) {
    const auto at = verdicts.find(name.text());
    reason = at == verdicts.end() ? "its record cannot be read, so nobody knows what it is"
                                  : fmt::format("{}", fmt::join(at->second.reasons, "; "));
    return at == verdicts.end() || at->second.keep;
  };
  const auto lock_of = [&](const storage::ObjectKey& key) {
    return app::lock_of(context.stored_dumps(tier), key, stop);
  };
  return repository::plan_dump_sweep(
      context.dump_store(tier), context.cluster_database(),
      {keep, lock_of, context.dump_tier(tier).tier.finish_within * 2}, now, stop);
}

void print_items(const char* head, const std::vector<repository::SweepItem>& items, bool all) {
  uint64_t bytes = 0;
  for (const repository::SweepItem& item : items) bytes += item.size;
  fmt::print("{}: {} objects, {}\n", head, items.size(), base::human_bytes(bytes));
  for (const repository::SweepItem& item : items) {
    if (all || item.key.starts_with("snapshots/")) fmt::print("  {}: {}\n", item.key, item.reason);
  }
}

base::Json items_to_json(const std::vector<repository::SweepItem>& items) {
  base::Json list = base::Json::array();
  for (const repository::SweepItem& item : items) {
    list.push_back({{"key", item.key}, {"size", item.size}, {"reason", item.reason}});
  }
  return list;
}

void prune(Globals& globals, const PruneOptions& options) {
  app::Context context = globals.context();
  const repository::Repository repository = context.repository(globals.token());
  const base::Instant now = base::system_clock().now();
  const monitor::Catalog catalog = context.catalog(repository, now, globals.token());
  const policy::Retention retention =
      policy::decide_retention(context.policy(), catalog.retention, now);
  const base::Duration wait =
      options.wait.empty() ? default_wait(context.policy()) : policy::parse_duration(options.wait);
  const repository::SweepRules rules = rules_from(context.policy(), retention, wait);
  const repository::SweepPlan plan =
      repository::plan_sweep(repository, rules, now, globals.token());
  std::map<std::string, repository::DumpSweepPlan> dumps;  // by tier
  for (const policy::DumpTier& tier : context.policy().layers.dumps) {
    if (const auto denied = catalog.denied_places.find(tier.tier.name);
        denied != catalog.denied_places.end()) {
      base::warn("dumps {} are left to their age, as we may not look: {}", tier.tier.name,
                 denied->second);
      continue;
    }
    dumps[tier.tier.name] = plan_dumps(context, tier.tier.name, retention, now, globals.token());
  }
  std::vector<repository::SweepItem> dumps_kept;
  std::vector<repository::SweepItem> dumps_going;
  for (const auto& [tier, of_tier] : dumps) {
    dumps_kept.insert(dumps_kept.end(), of_tier.keep.begin(), of_tier.keep.end());
    dumps_going.insert(dumps_going.end(), of_tier.remove.begin(), of_tier.remove.end());
  }
  if (globals.json) {
    print_json(
        {{"applied", options.apply},
         {"keep", items_to_json(plan.keep)},
         {"condemn", items_to_json(plan.condemn)},
         {"waiting", items_to_json(plan.waiting)},
         {"remove", items_to_json(plan.remove)},
         {"dumps", {{"keep", items_to_json(dumps_kept)}, {"remove", items_to_json(dumps_going)}}}});
  } else {
    print_items("kept", plan.keep, options.all);
    print_items("to be condemned", plan.condemn, options.all);
    print_items("condemned, waiting", plan.waiting, options.all);
    print_items("to be removed", plan.remove, options.all);
    if (!dumps.empty()) {
      print_items("dumps kept", dumps_kept, true);
      print_items("dumps to be removed", dumps_going, true);
    }
  }
  if (options.apply) {
    repository::sweep(repository, plan, rules, now, globals.token());
    for (const auto& [tier, of_tier] : dumps)
      repository::sweep_dumps(context.dump_store(tier), of_tier, now, globals.token());
    app::tidy_buckets(context, now, globals.token());
  }
  if (globals.json) return;
  if (options.apply) {
    fmt::print("done; what was condemned now is removed by a prune after {}\n",
               base::human_duration(wait));
  } else {
    fmt::print("nothing was changed: run it with --apply\n");
  }
}

}  // namespace

void add_prune(CLI::App& program, Globals& globals) {
  CLI::App* command =
      program.add_subcommand("prune", "delete what the policy lets go; shows it first, and why");
  auto options = std::make_shared<PruneOptions>();  // outlives this function with the callback
  command->add_flag("--apply", options->apply, "do it; without this nothing is changed");
  command->add_flag("--all", options->all, "list every object, not only snapshots");
  command
      ->add_option("--wait", options->wait,
                   "between condemning and removing; default twice the longest finish_within")
      ->type_name("DURATION");
  command->footer(
      "An object is condemned by one prune and removed by a later one, at least --wait after, if "
      "nothing needs it then.\n"
      "Example:\n  seawall prune            # what would go, and why\n  seawall prune --apply");
  command->callback([&globals, options] { prune(globals, *options); });
}

}  // namespace cli
