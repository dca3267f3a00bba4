#include "app/document_facts.h"

#include <unistd.h>

#include <algorithm>

#include "app/buckets.h"
#include "app/judgement.h"
#include "app/rehearsals.h"
#include "postgres/client_program.h"
#include "repository/policy_log.h"

namespace app {

using base::Error;
using base::ErrorKind;

namespace {

std::string this_host() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0) return "this host";
  return name;
}

std::string server_in_words(const std::map<std::string, std::string>& environment) {
  const auto value = [&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  };
  const std::string host = value("PGHOST");
  if (host.empty()) return "this host's socket";
  if (host.starts_with('/')) return "the socket in " + host;
  return value("PGPORT").empty() ? host : host + ":" + value("PGPORT");
}

// A runbook is worth having on a host that does not know the way to the database.
void describe_database(const Context& context, documents::Facts& facts) {
  const policy::ConnectionSource& source = context.policy().database.connection;
  facts.database = context.policy().name;
  facts.server = "the server that " + policy::print_connection(source) + " names";
  try {
    const postgres::ConnectionSettings settings =
        postgres::connection_settings(connection_url(source));
    facts.database = context.cluster_database();
    facts.server = server_in_words(settings.environment);
  } catch (const Error& failure) {
    if (failure.kind() != ErrorKind::absent && failure.kind() != ErrorKind::denied) throw;
  }
  facts.psql = source.kind == policy::ConnectionSource::Kind::uri ? source.value : facts.database;
}

std::string copy_in_words(const monitor::Catalog& catalog, const std::string& tier) {
  const auto replica = std::ranges::find(catalog.replicas, tier, &monitor::ReplicaState::tier);
  if (replica == catalog.replicas.end()) return {};
  if (!replica->unreachable.empty()) return "cannot be reached: " + replica->unreachable;
  if (replica->copies.empty()) return "nothing to copy yet";
  const monitor::DumpCopy& newest = replica->copies.back();
  if (!newest.copy_size) return newest.name.text() + " is missing";
  if (!newest.same) return newest.name.text() + " is there, and cannot be compared";
  return newest.name.text() + (*newest.same ? " is there, and the same" : " is there, and ANOTHER");
}

documents::DumpFacts facts_of(Context& context, const monitor::Catalog& catalog,
                              const policy::DumpTier& tier, std::stop_token stop) {
  documents::DumpFacts facts{.newest = {}, .lock = {}, .copy = {}};
  const monitor::CatalogedDump* newest = nullptr;
  for (const monitor::CatalogedDump& dump : catalog.dumps) {
    if (dump.tier != tier.tier.name || !dump.stored.finished) continue;
    if (newest == nullptr || newest->stored.modified < dump.stored.modified) newest = &dump;
  }
  facts.copy = copy_in_words(catalog, tier.tier.name);
  if (newest == nullptr) return facts;
  facts.newest = newest->stored.name.text();
  const std::optional<std::string> lock =
      lock_of(context.stored_dumps(tier.tier.name), newest->stored.name.archive_key(), stop);
  if (lock) facts.lock = *lock;
  return facts;
}

std::vector<documents::KeyChange> keys_so_far(const repository::Repository& repository,
                                              std::stop_token stop) {
  std::vector<documents::KeyChange> keys;
  for (const repository::PolicyVersion& version : repository::read_policies(repository, stop)) {
    std::string key;
    try {
      const policy::Policy policy = policy::parse(version.text, "policies/");
      if (!policy.repository.encryption) continue;
      key = policy::print_key(policy.repository.encryption->key);
    } catch (const Error&) {
      continue;  // written by another version: it says nothing that we understand
    }
    if (keys.empty() || keys.back().key != key) keys.push_back({version.since, key});
  }
  return keys;
}

}  // namespace

documents::Facts document_facts(const Context& context, base::Instant now) {
  documents::Facts facts{.policy = context.policy(),
                         .policy_file = {},
                         .policy_text = {},
                         .now = now,
                         .host = this_host(),
                         .database = {},
                         .psql = {},
                         .server = {},
                         .evidence = {},
                         .why_none = "its repository was not asked"};
  facts.policy_file = std::filesystem::absolute(context.policy_file()).lexically_normal().string();
  facts.policy_text = base::read_text_file(context.policy_file(), base::MiB);
  describe_database(context, facts);
  return facts;
}

void read_evidence(Context& context, documents::Facts& facts, std::stop_token stop) {
  const repository::Repository repository = context.repository(stop);
  documents::Evidence evidence;
  Judgement current = judge(context, repository, facts.now, stop);
  for (const policy::DumpTier& tier : context.policy().layers.dumps) {
    if (current.catalog.denied_places.contains(tier.tier.name)) continue;
    evidence.dumps[tier.tier.name] = facts_of(context, current.catalog, tier, stop);
  }
  if (!current.catalog.snapshots.empty()) {
    const repository::SnapshotRoot& newest = current.catalog.snapshots.back();
    evidence.cluster_bytes = newest.totals.bytes;
    facts.major = newest.major;
    for (const repository::TablespaceRef& space : newest.tablespaces)
      evidence.tablespaces.push_back(space.oid);
  }
  evidence.status = std::move(current.status);
  evidence.keys = keys_so_far(repository, stop);
  read_rehearsals(repository, evidence, stop);
  facts.evidence = std::move(evidence);
  facts.why_none.clear();
}

void read_evidence_if_possible(Context& context, documents::Facts& facts, std::stop_token stop) {
  try {
    read_evidence(context, facts, stop);
  } catch (const Error& failure) {
    if (failure.kind() == ErrorKind::cancelled) throw;
    facts.why_none = failure.message();
  }
}

}  // namespace app
