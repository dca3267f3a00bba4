#include "repository/sweep.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "repository/journal.h"
#include "repository/wal_archive.h"

namespace repository {

using base::Error;
using base::ErrorKind;
using base::Json;
using base::member;
using storage::ObjectInfo;

namespace {

struct Condemned {
  ObjectKey list;
  base::Instant not_before;
  std::set<std::string> keys;
};

std::vector<Condemned> read_condemned(const Repository& repository, std::stop_token stop) {
  std::vector<Condemned> all;
  for (const ObjectInfo& info : storage::list_all(repository.store(), "condemned/", stop)) {
    const Json body = repository.read_json(info.key, "condemned", stop);
    const auto keys = member<std::vector<std::string>>(body, "keys");
    all.push_back({info.key,
                   base::from_rfc3339(member<std::string>(body, "not_before")),
                   {keys.begin(), keys.end()}});
  }
  return all;
}

// What the kept snapshots need, by key.
class Needed {
 public:
  void add(const SnapshotRoot& root) {
    keys_.insert(snapshot_key(root.epoch, root.id).text());
    for (const ShardRef& shard : root.shards) {
      keys_.insert(shard.key);
      if (!shard.prefix.empty()) keys_.insert(shard.prefix);
    }
    for (const PackRef& pack : root.packs) keys_.insert(pack_key(root.epoch, pack.id).text());
  }
  bool has(const std::string& key) const { return keys_.contains(key); }

 private:
  std::set<std::string> keys_;
};

class SweepPlanner {
 public:
  SweepPlanner(const Repository& repository, const SweepRules& rules, base::Instant now,
               std::stop_token stop)
      : repository_(repository), rules_(rules), now_(now), stop_(std::move(stop)) {}

  SweepPlan run() {
    condemned_ = read_condemned(repository_, stop_);
    bases_ = bases_of_running();
    for (const Epoch& epoch : repository_.epochs(stop_)) {
      plan_snapshots(epoch);
      plan_blocks(epoch);
      plan_wal(epoch);
    }
    return std::move(plan_);
  }

 private:
  // Snapshots that a run under way builds upon: what they name must stay.
  std::set<std::string> bases_of_running() const {
    std::set<std::string> bases;
    for (const Claim& claim : read_recent_claims(repository_, now_ - rules_.wait, stop_)) {
      if (claim.base) bases.insert(*claim.base);
    }
    return bases;
  }

  void plan_snapshots(const Epoch& epoch) {
    for (const std::string& id : snapshot_ids(repository_, epoch.number, stop_)) {
      const std::string key = snapshot_key(epoch.number, id).text();
      const std::optional<ObjectInfo> info =
          repository_.store().stat(snapshot_key(epoch.number, id), stop_);
      if (!info) continue;  // removed beside us
      // A root that cannot be read stops everything: without it nobody knows what its snapshot
      // needs.
      const SnapshotRoot root = read_snapshot(repository_, epoch.number, id, stop_);
      std::string reason;
      bool keep = rules_.keep_snapshot(root, reason);
      if (!keep && bases_.contains(id)) {
        keep = true;
        reason = "a run under way builds upon it";
      }
      if (keep) {
        needed_.add(root);
        plan_.keep.push_back({key, info->size, reason});
      } else if (!let_go(*info, reason, true)) {
        named_.add(root);
      }
    }
  }

  void plan_blocks(const Epoch& epoch) {
    for (const std::string& prefix : {shard_prefix(epoch.number), pack_prefix(epoch.number)}) {
      for (const ObjectInfo& info : storage::list_all(repository_.store(), prefix, stop_)) {
        if (needed_.has(info.key.text())) continue;
        if (info.modified > now_ - rules_.wait) continue;  // of a run that may still be under way
        // While a root is there, whoever reads it finds what it names.
        let_go(info, "no snapshot that is kept names it", !named_.has(info.key.text()));
      }
    }
  }

  void plan_wal(const Epoch& epoch) {
    const std::string prefix = wal_prefix(epoch.number);
    for (const ObjectInfo& info : storage::list_all(repository_.store(), prefix, stop_)) {
      const std::optional<WalObject> wal = parse_wal_key(epoch, info.key.text());
      if (!wal) continue;  // histories stay for ever; what is not known is not touched
      std::string reason;
      if (rules_.keep_wal(epoch, wal->timeline, wal->begin, wal->end, reason)) {
        plan_.keep.push_back({info.key.text(), info.size, reason});
      } else {
        let_go(info, reason, true);
      }
    }
  }

  // Whether it goes now; it does only if it was condemned long enough ago and `may_go`.
  bool let_go(const ObjectInfo& info, const std::string& reason, bool may_go) {
    if (const base::Instant end = info.modified + rules_.locked; end > now_) {
      plan_.keep.push_back({info.key.text(), info.size,
                            fmt::format("{}; locked until {}", reason, base::to_rfc3339(end))});
      return false;
    }
    SweepItem item{info.key.text(), info.size, reason};
    bool listed = false;
    for (const Condemned& list : condemned_) {
      if (!list.keys.contains(item.key)) continue;
      listed = true;
      if (list.not_before > now_ || !may_go) continue;
      plan_.remove.push_back(std::move(item));
      return true;
    }
    (listed ? plan_.waiting : plan_.condemn).push_back(std::move(item));
    return false;
  }

  const Repository& repository_;
  const SweepRules& rules_;
  base::Instant now_;
  std::stop_token stop_;
  std::vector<Condemned> condemned_;
  std::set<std::string> bases_;
  Needed needed_;  // by snapshots that are kept
  Needed named_;   // by roots that are let go, and still there after this sweep
  SweepPlan plan_;
};

// Roots before what they name.
int order_of(const SweepItem& item) {
  if (item.key.starts_with("snapshots/")) return 0;
  if (item.key.starts_with("shards/")) return 1;
  return 2;
}

}  // namespace

void require_agreeing_clocks(storage::ObjectStore& store, base::Instant now, std::stop_token stop) {
  const base::Duration apart = std::chrono::abs(store.now(stop) - now);
  if (apart <= std::chrono::minutes(1)) return;
  throw Error(ErrorKind::invalid,
              fmt::format("this host's clock is {} off the store's", base::human_duration(apart)),
              "nothing is deleted by a wrong clock: set it right (NTP), then run this again");
}

SweepPlan plan_sweep(const Repository& repository, const SweepRules& rules, base::Instant now,
                     std::stop_token stop) {
  return SweepPlanner(repository, rules, now, std::move(stop)).run();
}

void sweep(const Repository& repository, const SweepPlan& plan, const SweepRules& rules,
           base::Instant now, std::stop_token stop) {
  require_agreeing_clocks(repository.store(), now, stop);
  if (!plan.condemn.empty()) {
    Json keys = Json::array();
    for (const SweepItem& item : plan.condemn) keys.push_back(item.key);
    const Json body = {{"at", base::to_rfc3339(now)},
                       {"not_before", base::to_rfc3339(now + rules.wait)},
                       {"keys", keys}};
    repository.put_json(condemned_key(new_run_id(now)), "condemned", body, stop);
  }
  std::vector<SweepItem> remove = plan.remove;
  std::ranges::stable_sort(remove, {}, order_of);
  for (const SweepItem& item : remove) {
    base::while_doing(fmt::format("removing {}", item.key),
                      [&] { repository.store().remove(ObjectKey(item.key), stop); });
  }
  // Lists whose keys are all gone have served.
  for (const Condemned& list : read_condemned(repository, stop)) {
    const auto there = [&](const std::string& key) {
      return repository.store().stat(ObjectKey(key), stop).has_value();
    };
    if (list.not_before + rules.locked <= now && std::ranges::none_of(list.keys, there))
      repository.store().remove(list.list, stop);
  }
}

std::set<std::string> condemned_keys(const Repository& repository, std::stop_token stop) {
  std::set<std::string> keys;
  for (const Condemned& list : read_condemned(repository, stop))
    keys.insert(list.keys.begin(), list.keys.end());
  return keys;
}

void require_not_condemned(const Repository& repository, const SnapshotRoot& root,
                           std::stop_token stop) {
  // A host that only seals builds upon nothing while there are such lists, and what it stores
  // itself is named by then.
  if (repository.seals_only()) return;
  Needed needed;
  needed.add(root);
  for (const std::string& key : condemned_keys(repository, stop)) {
    if (!needed.has(key)) continue;
    throw Error(ErrorKind::unavailable,
                fmt::format("{} was condemned by a prune while this run built upon it", key),
                "run it again: what is condemned will not be built upon");
  }
}

}  // namespace repository
