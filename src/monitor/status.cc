#include "monitor/status.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace monitor {

using base::Instant;
using base::Json;
using policy::TieredLayer;
using repository::SnapshotRoot;

std::string_view name(Severity severity) {
  switch (severity) {
    case Severity::notice:
      return "notice";
    case Severity::warning:
      return "warning";
    case Severity::critical:
      return "critical";
  }
  return "critical";
}

namespace {

// The branch that the cluster is on, as far as the archive knows: the newest timeline of the newest
// epoch.
struct Branch {
  uint32_t epoch = 0;
  uint32_t timeline = 0;
  Instant newest_wal{};
};
std::optional<Branch> current_branch(const Catalog& catalog) {
  if (catalog.epochs.empty()) return std::nullopt;
  Branch branch{.epoch = catalog.epochs.back().number.value};
  for (const policy::CatalogTimeline& timeline : catalog.retention.timelines) {
    if (timeline.epoch != branch.epoch || timeline.newest < branch.newest_wal) continue;
    branch.timeline = timeline.timeline;
    branch.newest_wal = timeline.newest;
  }
  return branch.timeline == 0 ? std::nullopt : std::optional(branch);
}

class Judge {
 public:
  Judge(const policy::Policy& policy, const Catalog& catalog,
        std::optional<Instant> last_transaction, Instant now)
      : policy_(policy), catalog_(catalog) {
    status_.now = now;
    status_.last_transaction = last_transaction;
  }

  Status run() {
    judge_pitr();
    for (const policy::TierReport& report :
         policy::judge_policy(policy_, catalog_.histories, status_.now)) {
      judge_tier(report);
    }
    judge_pages();
    judge_dumps();
    judge_expiry();
    judge_verification();
    judge_keys();
    judge_probe();
    if (policy_.drill) judge_rehearsals();
    for (const ReplicaState& replica : catalog_.replicas) {
      for (Finding& finding : judge_replica(replica, status_.now))
        status_.findings.push_back(std::move(finding));
    }
    for (const Finding& finding : catalog_.of_places) status_.findings.push_back(finding);
    for (const policy::Note& note : policy_.uncovered) {
      status_.rows.push_back({.layer = note.what, .tier = "", .state = "not covered"});
    }
    return std::move(status_);
  }

 private:
  // `key` as in Finding; the rest of a finding is set on what is returned.
  Finding& find(Severity severity, std::string key, std::string section, std::string what,
                std::string remedy) {
    status_.findings.push_back({.severity = severity,
                                .what = std::move(what),
                                .remedy = std::move(remedy),
                                .key = std::move(key),
                                .section = std::move(section)});
    return status_.findings.back();
  }

  void judge_pitr() {
    if (!policy_.layers.pitr) return;
    StatusRow row{.layer = "pitr", .tier = "", .state = "ok"};
    const std::optional<Branch> branch = current_branch(catalog_);
    if (!branch) {
      row.state = "missed";
      find(Severity::critical, "wal:none", "archiver", "no WAL is archived",
           "set archive_mode and archive_command: 'seawall check' prints the lines");
    } else {
      row.last_success = branch->newest_wal;
      row.newest_restorable = status_.last_transaction;
    }
    for (const SnapshotRoot& root : catalog_.snapshots) {
      if (branch && root.epoch.value == branch->epoch && !status_.window_begins)
        status_.window_begins = root.stopped;
    }
    for (const repository::UnreadableRoot& root : catalog_.unreadable) {
      find(Severity::critical, "unreadable:snapshots", "damage",
           fmt::format("snapshot {} cannot be restored: {}", root.id, root.why),
           "take a snapshot now: seawall backup snapshots; nothing is pruned while it is there; "
           "bring the object back from a copy, or move it away");
    }
    if (catalog_.snapshots.empty()) {
      row.state = "missed";
      find(Severity::critical, "snapshots:none", "missed-run",
           "there is no snapshot, so archived WAL cannot be restored from",
           "seawall backup snapshots");
    }
    for (const Hole& hole : find_holes(catalog_)) judge_hole(hole, row);
    status_.rows.push_back(row);
  }

  void judge_hole(const Hole& hole, StatusRow& row) {
    const auto epoch = std::ranges::find(catalog_.epochs, hole.epoch,
                                         [](const repository::Epoch& e) { return e.number.value; });
    // A snapshot taken behind it makes a hole a matter of the past.
    const bool mended = std::ranges::any_of(catalog_.snapshots, [&](const SnapshotRoot& root) {
      return root.epoch.value == hole.epoch && root.timeline == hole.timeline &&
             root.start_lsn.value / epoch->segment_bytes > hole.last;
    });
    if (!mended) row.state = "hole";
    Finding& found = find(
        mended ? Severity::warning : Severity::critical, mended ? "wal:hole-behind" : "wal:hole",
        "wal-hole",
        fmt::format("{} WAL segments are missing from {} on", hole.last - hole.first + 1,
                    postgres::WalSegment{hole.timeline, hole.first}.name(epoch->segment_bytes)),
        mended
            ? "moments in and behind it, up to the next snapshot, cannot be reached; it ages out"
            : "take a snapshot now: seawall backup snapshots; then find out why the archiver lost "
              "them");
    found.told = !mended;
  }

  void judge_tier(const policy::TierReport& report) {
    StatusRow row{.layer = std::string(policy::name(report.key.layer)),
                  .tier = report.key.tier,
                  .state = "ok"};
    const policy::TierStatus& status = report.status;
    row.next_due = status.next_slot;
    row.kept = status.kept;
    row.expected = status.expected;
    if (status.last_success) {
      row.last_success = status.last_success->finished;
      row.newest_restorable = report.key.layer == TieredLayer::dumps
                                  ? moment_of_dump(report.key.tier, status.last_success->slot)
                                  : status.last_success->finished;
    }
    if (status.last_slot && status.last_slot->state != policy::SlotState::done) {
      row.state = policy::name(status.last_slot->state);
      if (status.last_slot->late) row.state = "late";
    }
    const std::string what = fmt::format("{} {}", row.layer, row.tier);
    const std::string of_tier = lane(report.key.layer, row.tier);
    const std::string key = fmt::format("missed:{}", of_tier);  // a late run becomes a missed one
    if (status.last_slot && status.last_slot->state == policy::SlotState::missed) {
      Finding& found = find(Severity::critical, key, "missed-run",
                            fmt::format("{}: the run due at {} was missed", what,
                                        base::to_rfc3339(status.last_slot->slot)),
                            fmt::format("seawall backup {} --tier {}", row.layer, row.tier));
      found.since = status.last_slot->slot;
      found.times = missed_in_a_row(status);
    } else if (!status.missed.empty()) {
      find(Severity::warning, fmt::format("missed-before:{}", of_tier), "missed-run",
           fmt::format("{}: {} earlier runs were missed, the last due at {}", what,
                       status.missed.size(), base::to_rfc3339(status.missed.back())),
           "nothing to do: it ages out")
          .told = false;
    }
    if (row.state == "late") {
      find(Severity::warning, key, "missed-run",
           fmt::format("{}: the run due at {} has not been started", what,
                       base::to_rfc3339(status.last_slot->slot)),
           fmt::format("seawall backup {} --tier {}", row.layer, row.tier))
          .since = status.last_slot->slot;
    }
    status_.rows.push_back(row);
  }

  // The slots behind the newest one with a result.
  static int missed_in_a_row(const policy::TierStatus& status) {
    return static_cast<int>(std::ranges::count_if(status.missed, [&](Instant slot) {
      return !status.last_success || slot > status.last_success->slot;
    }));
  }

  // What a dump shows is as of its transaction, not as of its end.
  std::optional<Instant> moment_of_dump(const std::string& tier, Instant slot) const {
    for (const CatalogedDump& dump : catalog_.dumps) {
      if (dump.record && dump.record->tier == tier && dump.record->slot == slot)
        return dump.record->snapshot_at;
    }
    return std::nullopt;
  }

  // Of the newest snapshot only: what it no longer finds is mended.
  void judge_pages() {
    if (catalog_.snapshots.empty()) return;
    const SnapshotRoot& newest = catalog_.snapshots.back();
    if (!newest.damaged.empty()) {
      find(
          Severity::critical, "pages:damaged", "damaged-pages",
          fmt::format("{} pages of the database have a wrong checksum, the first is block {} of {}",
                      newest.damaged.size(), newest.damaged[0].block, newest.damaged[0].path),
          "the database itself is damaged: see docs/guide/damaged-pages.md before anything is "
          "pruned");
    }
    if (!newest.suspects.empty()) {
      find(Severity::warning, "pages:suspect", "damaged-pages",
           fmt::format("{} pages changed though their LSN did not, the first is block {} of {}",
                       newest.suspects.size(), newest.suspects[0].block, newest.suspects[0].path),
           "storage may have altered them: compare with an older snapshot");
    }
  }

  // A service deletes by age when it gets to it, and one object after the other.
  bool is_old(const CatalogedDump& dump, base::Duration grace) const {
    for (const policy::DumpTier& tier : policy_.layers.dumps) {
      if (tier.tier.name == dump.tier)
        return tier.store.kind == policy::Place::Kind::s3 &&
               status_.now - dump.stored.modified > tier.tier.retain + grace;
    }
    return false;
  }

  void judge_expiry() {
    std::string first;
    size_t count = 0;
    for (const CatalogedDump& dump : catalog_.dumps) {
      if (!is_old(dump, std::chrono::days(2))) continue;
      if (count++ == 0) first = dump.stored.name.text();
    }
    if (count == 0) return;
    find(Severity::warning, "dumps:not-expired", "retention",
         fmt::format("{} dumps should have been deleted by their age, the first is {}", count,
                     first),
         "neither the bucket's lifecycle rule nor 'seawall prune --apply' does it: see 'seawall "
         "check'");
  }

  void judge_dumps() {
    for (const auto& [tier, why] : catalog_.denied_places) {
      find(Severity::critical, fmt::format("place:dumps-{}", tier), "credentials",
           fmt::format("dumps {} cannot be looked at: {}", tier, why),
           "run it with a credential that may list them");
    }
    const CatalogedDump* newest = nullptr;
    for (const CatalogedDump& dump : catalog_.dumps) {
      const std::string name = dump.stored.name.text();
      if (dump.record) {
        if (!newest || newest->record->started < dump.record->started) newest = &dump;
      } else if (dump.closed) {
        find(Severity::notice, "dumps:closed", "credentials",
             fmt::format("{}: {}", name, dump.unreadable),
             "a credential that may open the records of dumps tells more");
      } else if (!dump.unreadable.empty()) {
        find(Severity::critical, "unreadable:dumps", "damage",
             fmt::format("{}: {}", name, dump.unreadable),
             "the archive may be whole: seawall verify; pg_restore --list reads it");
      } else if (status_.now - dump.stored.modified > std::chrono::hours(4) && !is_old(dump, {})) {
        find(Severity::notice, "dumps:unfinished", "missed-run",
             fmt::format("{} has no record: a run left it unfinished", name),
             "nothing to do: `seawall prune --apply` removes it");
      }
    }
    if (newest == nullptr) return;
    if (!newest->closed && !newest->record->read_back() &&
        (!catalog_.verified || catalog_.verified->at < newest->record->finished)) {
      find(Severity::notice, "dumps:not-read-back", "damage",
           fmt::format("{} was not read back by its writer, who may not",
                       newest->stored.name.text()),
           "'seawall verify', with the credential of who restores, compares it with its record");
    }
    for (const std::string& warning : newest->record->warnings) {
      find(Severity::warning, "dumps:warning", "missed-run",
           fmt::format("{}: {}", newest->stored.name.text(), warning), "see `seawall check`");
    }
  }

  void judge_verification() {
    if (!catalog_.verified) return;
    for (const repository::Damage& damage : catalog_.verified->damage) {
      std::string what = fmt::format("{} is damaged, as a verify found on {}: {}", damage.key,
                                     base::to_rfc3339(catalog_.verified->at), damage.what);
      if (!damage.snapshots.empty())
        what += fmt::format("; so these snapshots cannot be restored: {}",
                            fmt::join(damage.snapshots, ", "));
      find(
          Severity::critical, "damage:objects", "damage", what,
          "take a snapshot now (it stores those blocks again), then find out what the storage did");
    }
  }

  bool keeps_in_buckets() const {
    const auto is_bucket = [](const policy::Place& place) {
      return place.kind == policy::Place::Kind::s3;
    };
    return is_bucket(policy_.repository.store) ||
           std::ranges::any_of(policy_.layers.dumps,
                               [&](const policy::DumpTier& tier) { return is_bucket(tier.store); });
  }

  // The probe runs nightly; a night may be missed.
  void judge_probe() {
    if (!keeps_in_buckets()) return;
    if (!catalog_.probe || status_.now - catalog_.probe->at > std::chrono::hours(48)) {
      find(Severity::warning, "probe:not-proven", "write-once",
           catalog_.probe ? fmt::format("write-once was last proven on {}",
                                        base::to_rfc3339(catalog_.probe->at))
                          : "nobody has proven that what is written once stays",
           "with the writer's credential: seawall probe write-once");
    }
    if (!catalog_.probe) return;
    for (const repository::StoreProbe& store : catalog_.probe->stores) {
      for (const repository::ProbeStepRecord& step : store.steps) {
        if (step.outcome != "lost" && step.outcome != "allowed") continue;
        find(
            Severity::critical, "probe:can-destroy", "write-once",
            fmt::format("the writer's credential can destroy backups in {}: trying to {}, {}",
                        store.url, step.what, step.detail),
            "give it no more than 'seawall policy iam writer' says, and the bucket 'seawall policy "
            "iam bucket_repository' and 'bucket_dumps'");
      }
    }
  }

  void judge_rehearsals() {
    for (Finding& finding : judge_drills(policy_, catalog_.drills, status_.now))
      status_.findings.push_back(std::move(finding));
    if (!policy_.drill->weekly) return;
    const DrillsDue due = drills_due(policy_, catalog_.drills, status_.now);
    StatusRow row{.layer = "drill", .tier = "weekly", .next_due = due.slot, .state = "ok"};
    for (const repository::DrillRecord& record : catalog_.drills.records)
      if (record.passed) row.last_success = record.ended;
    if (due.state == DrillState::due) row.state = "due";
    if (due.state == DrillState::missed) row.state = "missed";
    status_.rows.push_back(row);
  }

  void judge_keys() {
    for (const std::string& file : catalog_.unconfirmed_keys) {
      find(Severity::warning, "key:unconfirmed", "secret-rotation",
           fmt::format("no copy of the key file {} is confirmed: with this host all backups would "
                       "be lost",
                       file),
           fmt::format("seawall key export {0} --to COPY, keep that elsewhere, then seawall key "
                       "confirm {0} --copy COPY",
                       file));
    }
  }

  const policy::Policy& policy_;
  const Catalog& catalog_;
  Status status_;
};

Json time_or_null(const std::optional<Instant>& time) {
  return time ? Json(base::to_rfc3339(*time)) : Json(nullptr);
}

}  // namespace

Status judge_status(const policy::Policy& policy, const Catalog& catalog,
                    std::optional<Instant> last_transaction, Instant now) {
  return Judge(policy, catalog, last_transaction, now).run();
}

Json to_json(const std::vector<Finding>& findings) {
  Json list = Json::array();
  for (const Finding& finding : findings) {
    list.push_back({{"severity", name(finding.severity)},
                    {"what", finding.what},
                    {"remedy", finding.remedy},
                    {"key", finding.key},
                    {"section", finding.section},
                    {"since", time_or_null(finding.since)}});
  }
  return list;
}

Json to_json(const Status& status) {
  Json rows = Json::array();
  for (const StatusRow& row : status.rows) {
    rows.push_back({{"layer", row.layer},
                    {"tier", row.tier},
                    {"state", row.state},
                    {"last_success", time_or_null(row.last_success)},
                    {"next_due", time_or_null(row.next_due)},
                    {"kept", row.kept ? Json(*row.kept) : Json(nullptr)},
                    {"expected", row.expected ? Json(*row.expected) : Json(nullptr)},
                    {"newest_restorable", time_or_null(row.newest_restorable)}});
  }
  return {{"now", base::to_rfc3339(status.now)},
          {"rows", std::move(rows)},
          {"window_begins", time_or_null(status.window_begins)},
          {"last_transaction", time_or_null(status.last_transaction)},
          {"findings", to_json(status.findings)}};
}

int exit_code(const Status& status) {
  int worst = 0;
  for (const Finding& finding : status.findings) {
    if (finding.severity == Severity::warning) worst = std::max(worst, 1);
    if (finding.severity == Severity::critical) worst = 2;
  }
  return worst;
}

}  // namespace monitor
