#include "app/replica.h"

#include <algorithm>

#include "app/check_buckets.h"
#include "app/keys.h"
#include "base/error.h"
#include "repository/dump_store.h"
#include "repository/sealed_store.h"

namespace app {

using base::Error;
using base::ErrorKind;
using repository::StoredDump;

namespace {

constexpr base::Duration status_patience = std::chrono::seconds(20);
constexpr uint64_t record_bytes_max = 512 * base::MiB;

bool sealed_here(const policy::DumpTier& tier) {
  return tier.encryption && tier.encryption->mode == policy::DumpEncryptionMode::client;
}

repository::DumpView view_of(Context& context, const policy::DumpTier& tier) {
  storage::ObjectStore& in_clear = context.dump_store(tier.tier.name);
  return {context.stored_dumps(tier.tier.name), in_clear};
}

// What this old expires at any moment, or has in one place already.
base::Instant oldest_wanted(const policy::DumpTier& tier) {
  return base::system_clock().now() - tier.tier.retain;
}

// Once for all dumps: going on would only fail again.
bool ends_copying(ErrorKind kind) {
  return kind == ErrorKind::denied || kind == ErrorKind::unavailable || kind == ErrorKind::full;
}

std::string told(const Error& failure) {
  return failure.kind() == ErrorKind::denied
             ? failure.message() +
                   "; run 'seawall replicate dumps' with a credential that may read dumps here and "
                   "write there"
             : failure.message();
}

void copy_missing(Context& context, const policy::DumpTier& tier, ReplicaReport& report,
                  ReplicaProgress& progress, const std::stop_token& stop) {
  ReplicaPlace place = open_replica(context, tier);
  place.stored = context.held_back(std::move(place.stored));
  std::unique_ptr<storage::ObjectStore> sealing;
  repository::Keys source_keys;
  if (sealed_here(tier)) {
    source_keys = open_keys(*tier.encryption, tier.replica->key);
    sealing = std::make_unique<repository::SealedStore>(*place.stored, source_keys,
                                                        repository::dumps_scope);
  }
  const repository::CopyOrder order{.source = view_of(context, tier),
                                    .replica = {*place.stored, sealing ? *sealing : *place.stored},
                                    .source_keys = source_keys,
                                    .replica_key = place.key};
  const std::vector<StoredDump> missing =
      repository::missing_copies(repository::list_dumps(order.source.stored, stop),
                                 repository::list_dumps(order.replica.stored, stop),
                                 context.cluster_database(), oldest_wanted(tier));
  for (const StoredDump& dump : missing) progress.bytes_total += dump.size;
  for (const StoredDump& dump : missing) {
    try {
      repository::copy_dump(order, dump, progress.bytes, stop);
      report.copied.push_back(dump.name.text());
    } catch (const Error& failure) {
      if (failure.kind() == ErrorKind::cancelled || ends_copying(failure.kind())) throw;
      if (!report.kind) report.kind = failure.kind();
      report.failed.push_back(told(failure));
    }
  }
}

// ---- what status wants to know

// What a bucket's server tells of an object besides its bytes.
struct HeadFacts {
  std::string whole_crc32c;  // of the whole object; empty: not told
  std::string replication;
};

HeadFacts head_facts(storage::ObjectStore& store, const storage::ObjectKey& key,
                     const std::stop_token& stop) {
  auto* bucket = dynamic_cast<cloud::S3Store*>(&store);
  if (bucket == nullptr) return {};
  const net::Response answer =
      bucket->client().request("HEAD", bucket->full_key(key), {}, {},
                               net::Headers{{"x-amz-checksum-mode", "ENABLED"}}, stop);
  if (!answer.ok()) return {};  // who may not ask is not told
  HeadFacts facts;
  facts.replication = answer.headers.find("x-amz-replication-status").value_or("");
  const std::string crc = answer.headers.find("x-amz-checksum-crc32c").value_or("");
  // "...-3" is of an upload's parts, which need not be cut alike in both places.
  const bool of_parts = crc.find('-') != std::string::npos ||
                        answer.headers.find("x-amz-checksum-type") == "COMPOSITE";
  if (!of_parts) facts.whole_crc32c = crc;
  return facts;
}

std::optional<base::Bytes> record_of(storage::ObjectStore& store, const repository::DumpName& name,
                                     const std::stop_token& stop) {
  return store.get(name.record_key(), record_bytes_max, stop);
}

// Whether the copy is the dump, as far as it can be told without reading archives.
void compare(const repository::DumpView& source, const ReplicaPlace& replica,
             monitor::DumpCopy& copy, const std::stop_token& stop) {
  const storage::ObjectKey archive = copy.name.archive_key();
  const HeadFacts ours = head_facts(source.stored, archive, stop);
  copy.replication = ours.replication;
  if (!copy.copy_size) return;
  const HeadFacts theirs = head_facts(*replica.stored, archive, stop);
  const bool told = !ours.whole_crc32c.empty() && !theirs.whole_crc32c.empty();
  if (told && ours.whole_crc32c != theirs.whole_crc32c) {
    copy.same = false;
    return;
  }
  try {
    copy.same =
        record_of(source.stored, copy.name, stop) == record_of(*replica.stored, copy.name, stop);
    // Sealed anew for the replica they differ as they are kept, and not in what they say.
    if (!*copy.same && replica.opened)
      copy.same = record_of(source.in_clear, copy.name, stop) ==
                  record_of(*replica.opened, copy.name, stop);
  } catch (const Error& failure) {
    if (failure.kind() == ErrorKind::cancelled || failure.kind() == ErrorKind::unavailable) throw;
    copy.same.reset();
    copy.unproven = failure.message();
    if (told) copy.same = true;
  }
}

void read_copies(Context& context, const policy::DumpTier& tier, monitor::ReplicaState& state,
                 const std::stop_token& stop) {
  const repository::DumpView source = view_of(context, tier);
  const ReplicaPlace place = open_replica(context, tier, status_patience);
  const std::vector<StoredDump> copies = repository::list_dumps(*place.stored, stop);
  for (const StoredDump& dump : repository::list_dumps(source.stored, stop)) {
    const bool wanted = dump.finished && dump.name.database == context.cluster_database() &&
                        dump.modified >= oldest_wanted(tier);
    if (!wanted) continue;
    monitor::DumpCopy copy{.name = dump.name, .stored = dump.modified, .size = dump.size};
    const auto there = std::ranges::find(copies, dump.name, &StoredDump::name);
    if (there != copies.end() && there->finished) {
      copy.copy_size = there->size;
      copy.copied = there->modified;
    }
    state.copies.push_back(std::move(copy));
  }
  std::ranges::sort(state.copies, {}, &monitor::DumpCopy::stored);
  if (!state.copies.empty()) compare(source, place, state.copies.back(), stop);
}

}  // namespace

ReplicaPlace open_replica(const Context& context, const policy::DumpTier& tier,
                          std::optional<base::Duration> patience) {
  if (!tier.replica) {
    throw Error(ErrorKind::invalid, fmt::format("the tier '{}' has no replica", tier.tier.name),
                "layers.dumps.<tier>.replica in the policy names one");
  }
  const policy::Replica& replica = *tier.replica;
  StoreCare care{.lock = tier.lock, .patience = patience};
  const bool by_service = tier.encryption && !sealed_here(tier);
  if (by_service) care.kms_key = resolved(*replica.key).value;
  policy::Reach reach = replica.reach;
  if (!reach.region) reach.region = policy::region_in_name(replica.store);  // never the source's
  ReplicaPlace place{.stored = open_store(replica.store, context.policy().s3, reach, care)};
  if (sealed_here(tier)) {
    place.key = open_keys(policy::Encryption{.key = *replica.key, .also = {}, .retired = {}});
    place.opened = std::make_unique<repository::SealedStore>(*place.stored, place.key,
                                                             repository::dumps_scope);
  }
  return place;
}

base::Json to_json(const ReplicaReport& report) {
  return {{"store", report.url},
          {"by", report.by == policy::Copier::store ? "store" : "seawall"},
          {"copied", report.copied},
          {"failed", report.failed}};
}

std::optional<ReplicaReport> replicate(Context& context, const policy::DumpTier& tier,
                                       ReplicaProgress& progress, std::stop_token stop) {
  if (!tier.replica) return std::nullopt;
  ReplicaReport report{.url = tier.replica->store.url(), .by = tier.replica->by};
  if (report.by == policy::Copier::store) return report;
  try {
    copy_missing(context, tier, report, progress, stop);
  } catch (const Error& failure) {
    if (failure.kind() == ErrorKind::cancelled) throw;
    if (!report.kind) report.kind = failure.kind();
    report.failed.push_back(told(failure));
  }
  return report;
}

monitor::ReplicaState read_replica(Context& context, const policy::DumpTier& tier,
                                   std::stop_token stop) {
  monitor::ReplicaState state{.tier = tier.tier.name,
                              .url = tier.replica->store.url(),
                              .by = tier.replica->by,
                              .within = tier.replica->within};
  try {
    read_copies(context, tier, state, stop);
  } catch (const Error& failure) {
    if (failure.kind() == ErrorKind::cancelled) throw;
    state.unreachable = failure.message();
  }
  return state;
}

void read_places(Context& context, monitor::Catalog& catalog, std::stop_token stop) {
  for (const policy::DumpTier& tier : context.policy().layers.dumps) {
    if (!tier.replica) continue;
    monitor::ReplicaState state = read_replica(context, tier, stop);
    const policy::TierKey key{policy::TieredLayer::dumps, tier.tier.name};
    const auto last = catalog.last_runs.find(key);
    if (last != catalog.last_runs.end() && last->second.details.contains("replica")) {
      const base::Json& failed = last->second.details.at("replica").value("failed", base::Json());
      const bool still_lacks = std::ranges::any_of(
          state.copies, [](const monitor::DumpCopy& copy) { return !copy.copy_size; });
      if (still_lacks && failed.is_array() && !failed.empty() && failed[0].is_string())
        state.failed = failed[0].get<std::string>();
    }
    catalog.replicas.push_back(std::move(state));
  }
  catalog.of_places = judge_buckets(context, stop);
}

}  // namespace app
