#include "app/drill_subject.h"

#include <algorithm>
#include <random>

#include "app/replica.h"
#include "base/error.h"
#include "layers/pitr/get.h"
#include "layers/pitr/wal_scan.h"

namespace app {

using base::Error;
using base::ErrorKind;
using base::Instant;
using drill::Reference;
using repository::DrillKind;
using repository::DrillRecord;
using repository::DumpRecord;
using repository::SnapshotRoot;
using repository::StoredDump;

namespace {

// The branch that the cluster is on, as far as the archive knows: after a restore in earnest there
// are others, and nobody is asked which is meant.
std::optional<postgres::Timeline> newest_timeline(const repository::Repository& repository,
                                                  const repository::Epoch& epoch,
                                                  const std::stop_token& stop) {
  const std::vector<postgres::Timeline> timelines =
      repository::WalArchive(repository, epoch).timelines(stop);
  return timelines.empty() ? std::nullopt : std::optional(timelines.back());
}

// A dump is there when it is finished; what is near a moment was so before it, or after.
struct Neighbours {
  std::optional<StoredDump> before;
  std::optional<StoredDump> after;
};

Neighbours neighbours(const std::vector<StoredDump>& dumps, const std::string& database,
                      Instant moment) {
  Neighbours found;
  for (const StoredDump& dump : dumps) {
    if (!dump.finished || dump.name.database != database) continue;
    if (dump.modified <= moment) {
      if (!found.before || found.before->modified < dump.modified) found.before = dump;
    } else if (!found.after || dump.modified < found.after->modified) {
      found.after = dump;
    }
  }
  return found;
}

// What was there before the moment and after it must be there at it; what came or went between may
// be.
void keep_what_stayed(Reference& reference, const Reference& after) {
  for (auto table = reference.rows.begin(); table != reference.rows.end();) {
    const auto later = after.rows.find(table->first);
    if (later == after.rows.end()) {
      table = reference.rows.erase(table);
    } else {
      table->second = std::min(table->second, later->second);
      ++table;
    }
  }
  reference.name += " and " + after.name;
}

// A copy that is behind its source is a loss that only shows on the day the source is gone.
repository::DrillCheckResult compare_with_source(const DumpRecord& copy,
                                                 const std::vector<StoredDump>& source,
                                                 const std::string& database, base::Duration within,
                                                 Instant now) {
  const StoredDump* newest = nullptr;
  for (const StoredDump& dump : source) {
    const bool counts =
        dump.finished && dump.name.database == database && now - dump.modified > within;
    if (counts && (newest == nullptr || newest->name < dump.name)) newest = &dump;
  }
  const std::string name = copy.name.text();
  if (newest != nullptr && copy.name < newest->name)
    return {"replica", repository::DrillVerdict::failed,
            fmt::format("its newest dump is {}, and {} was taken {} ago", name, newest->name.text(),
                        base::human_duration(now - newest->modified))};
  return {"replica", repository::DrillVerdict::passed, name + " is the newest it must have"};
}

}  // namespace

void DrillSubject::rehearse(const drill::Terms& terms, DrillRecord& record,
                            drill::Progress& progress, std::stop_token stop) {
  if (!is_physical(record.kind)) return rehearse_dump(terms, record, progress, stop);
  const drill::PhysicalDrill subject{
      .repository = repository_,
      .plan = plan_for(record, stop),
      .seawall = layers::program_for_segments(),
      .policy = std::filesystem::absolute(context_.policy_file()),
      .reference = [&](Instant moment) { return reference_at(moment, record, stop); }};
  drill::rehearse(subject, terms, record, progress, stop);
}

layers::PlanRequest DrillSubject::plan_for(DrillRecord& record, const std::stop_token& stop) {
  const std::optional<repository::Epoch> epoch = repository_.current_epoch(stop);
  if (!epoch)
    throw Error(ErrorKind::absent, "the repository holds nothing yet", "seawall backup snapshots");
  layers::PlanRequest plan{.epoch = epoch->number};
  if (record.kind == DrillKind::weekly) {
    plan.target = newest_weekly(*epoch, stop);
    return plan;
  }
  plan.timeline = newest_timeline(repository_, *epoch, stop);
  if (record.kind == DrillKind::latest) return plan;
  plan.target = request_.at ? layers::TargetTime{*request_.at}
                            : random_moment(*epoch, plan.timeline.value_or(postgres::Timeline{1}),
                                            record, stop);
  return plan;
}

// Any whole second from the end of the oldest snapshot, or the begin of the window, to the last
// transaction.
layers::TargetTime DrillSubject::random_moment(const repository::Epoch& epoch,
                                               postgres::Timeline timeline, DrillRecord& record,
                                               const std::stop_token& stop) {
  std::vector<repository::UnreadableRoot> unreadable;
  const std::vector<SnapshotRoot> roots =
      repository::read_snapshots(repository_, epoch.number, unreadable, stop);
  if (roots.empty())
    throw Error(ErrorKind::absent, "there is no snapshot to start from",
                "seawall backup snapshots");
  Instant begins = roots.front().stopped;
  for (const SnapshotRoot& root : roots) begins = std::min(begins, root.stopped);
  if (context_.policy().layers.pitr)
    begins = std::max(begins, record.started - context_.policy().layers.pitr->retain);
  const repository::WalArchive archive(repository_, epoch);
  const std::optional<layers::WalMoment> last =
      layers::last_commit(archive, archive.history(timeline, stop), roots.back().start_lsn, stop);
  const auto first = std::chrono::ceil<std::chrono::seconds>(begins);
  const auto newest = last ? std::chrono::floor<std::chrono::seconds>(last->time) : first;
  if (!last || newest < first)
    throw Error(ErrorKind::absent, "the recovery window is not a second long yet",
                "a moment can be drilled once there is WAL behind a snapshot");
  uint64_t seed = 0;
  base::fill_random({reinterpret_cast<std::byte*>(&seed), sizeof seed});
  record.seed = request_.seed.value_or(seed >> 32);
  std::mt19937_64 dice(*record.seed);
  const uint64_t seconds = static_cast<uint64_t>((newest - first).count()) + 1;
  return {first + std::chrono::seconds(dice() % seconds)};
}

layers::TargetSnapshot DrillSubject::newest_weekly(const repository::Epoch& epoch,
                                                   const std::stop_token& stop) {
  std::vector<repository::UnreadableRoot> unreadable;
  const std::vector<SnapshotRoot> roots =
      repository::read_snapshots(repository_, epoch.number, unreadable, stop);
  const auto is_weekly = [&](const std::string& name) {
    return std::ranges::any_of(context_.policy().layers.snapshots, [&](const policy::Tier& tier) {
      return tier.name == name && tier.cadence.kind == policy::Cadence::Kind::weekly;
    });
  };
  for (auto root = roots.rbegin(); root != roots.rend(); ++root) {
    if (std::ranges::any_of(root->tiers, is_weekly)) return {root->id};
  }
  throw Error(ErrorKind::absent, "there is no weekly snapshot yet",
              "seawall backup snapshots --tier, with the name of a weekly tier");
}

void DrillSubject::rehearse_dump(const drill::Terms& terms, DrillRecord& record,
                                 drill::Progress& progress, const std::stop_token& stop) {
  const policy::DumpTier& tier = tier_for(record.kind);
  const std::string database = context_.cluster_database();
  std::optional<ReplicaPlace> replica;
  if (record.kind == DrillKind::replica) replica = open_replica(context_, tier);
  storage::ObjectStore& store = replica ? replica->in_clear() : context_.dump_store(tier.tier.name);
  record.place = store.url();
  const repository::DumpName name =
      repository::find_dump(repository::list_dumps(store, stop), database, "latest");
  record.source = name.text();
  drill::DumpDrill subject{.store = store, .record = repository::read_record(store, name, stop)};
  subject.major = major_for(record.kind, subject.record);
  if (replica) {
    try {
      record.checks.push_back(compare_with_source(
          subject.record, repository::list_dumps(context_.stored_dumps(tier.tier.name), stop),
          database, tier.replica->within, record.started));
    } catch (const Error& failure) {
      if (failure.kind() == ErrorKind::cancelled) throw;
      record.checks.push_back({"replica", repository::DrillVerdict::unproven,
                               "its source cannot be looked at: " + failure.message()});
    }
  }
  drill::rehearse(subject, terms, record, progress, stop);
}

const policy::DumpTier& DrillSubject::tier_for(DrillKind kind) const {
  const std::vector<policy::DumpTier>& tiers = context_.policy().layers.dumps;
  if (!request_.tier.empty()) return context_.dump_tier(request_.tier);
  for (const policy::DumpTier& tier : tiers) {
    if (kind != DrillKind::replica || tier.replica) return tier;
  }
  throw Error(
      ErrorKind::invalid,
      kind == DrillKind::replica ? "the policy has no replica of dumps" : "the policy has no dumps",
      "layers.dumps in the policy is where they go");
}

int DrillSubject::major_for(DrillKind kind, const DumpRecord& dump) const {
  const int own = dump.server_version_num / 10000;
  if (request_.major) return *request_.major;
  if (kind != DrillKind::major) return own;
  std::vector<int> majors = drill::installed_majors(request_.programs);
  std::erase(majors, own);
  if (majors.empty())
    throw Error(ErrorKind::absent,
                fmt::format("this host has no PostgreSQL but {} to restore the dump into", own),
                "install another major version, or name its folder with --pg-bin");
  return majors.back();
}

std::optional<Reference> DrillSubject::reference_at(Instant moment, DrillRecord& record,
                                                    const std::stop_token& stop) {
  const std::string database = context_.cluster_database();
  for (const policy::DumpTier& tier : context_.policy().layers.dumps) {
    try {
      storage::ObjectStore& store = context_.dump_store(tier.tier.name);
      const Neighbours near = neighbours(repository::list_dumps(store, stop), database, moment);
      if (!near.before) continue;
      Reference reference =
          drill::reference_from(repository::read_record(store, near.before->name, stop), false);
      if (near.after)
        keep_what_stayed(
            reference,
            drill::reference_from(repository::read_record(store, near.after->name, stop), false));
      return reference;
    } catch (const Error& failure) {
      if (failure.kind() == ErrorKind::cancelled) throw;
      record.notes.push_back(
          fmt::format("dumps {} cannot be compared with: {}", tier.tier.name, failure.message()));
    }
  }
  const std::vector<DrillRecord> earlier = repository::read_drills(repository_, 5, stop);
  for (auto one = earlier.rbegin(); one != earlier.rend(); ++one) {
    const bool usable = is_physical(one->kind) && one->passed && one->moment &&
                        *one->moment <= moment && !one->tables.empty();
    if (usable) return drill::reference_from(*one);
  }
  return std::nullopt;
}

}  // namespace app
