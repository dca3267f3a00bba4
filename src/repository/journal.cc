#include "repository/journal.h"

#include <unistd.h>

#include <charconv>

#include "base/error.h"

namespace repository {

using base::Json;
using base::member;

namespace {

Json to_json(const Claim& claim) {
  return {{"run", claim.run},
          {"slot", base::to_rfc3339(claim.slot)},
          {"attempt", claim.attempt},
          {"host", claim.host},
          {"nonce", claim.nonce},
          {"at", base::to_rfc3339(claim.at)},
          {"base", claim.base ? Json(*claim.base) : Json(nullptr)}};
}

Claim claim_from(Lane lane, const Json& body) {
  return {.lane = std::move(lane),
          .slot = base::from_rfc3339(member<std::string>(body, "slot")),
          .attempt = member<int>(body, "attempt"),
          .run = member<std::string>(body, "run"),
          .host = member<std::string>(body, "host"),
          .nonce = member<std::string>(body, "nonce"),
          .at = base::from_rfc3339(member<std::string>(body, "at")),
          .base = base::member_if_there<std::string>(body, "base")};
}

// The lane in "claims/<lane>/<slot>/<attempt>.json".
Lane lane_of(const std::string& key) {
  const size_t begin = key.find('/') + 1;
  return key.substr(begin, key.find('/', begin) - begin);
}

// "<prefix>/<lane>/<slot>/<attempt>.json", of which the body may not be open to us.
Claim claim_by_name(const storage::ObjectInfo& info) {
  const std::string& key = info.key.text();
  const size_t slot = key.find('/', key.find('/') + 1) + 1;
  const size_t attempt = key.find('/', slot) + 1;
  Claim claim{.lane = lane_of(key),
              .slot = base::from_compact(key.substr(slot, attempt - 1 - slot)),
              .run = "",
              .host = "another host",
              .nonce = "",
              .at = info.modified,
              .base = {}};
  const std::string digits = key.substr(attempt, key.size() - attempt - 5);
  const auto [end, failed] =
      std::from_chars(digits.data(), digits.data() + digits.size(), claim.attempt);
  if (failed != std::errc{}) throw base::error(base::ErrorKind::corrupt, "{} is no claim", key);
  return claim;
}

// On a host that only seals, what others claimed is known by its name and date.
Claim read_claim(const Repository& repository, const storage::ObjectInfo& info,
                 std::stop_token stop) {
  try {
    return claim_from(lane_of(info.key.text()), repository.read_json(info.key, "claim", stop));
  } catch (const base::Error& failure) {
    if (failure.kind() != base::ErrorKind::denied || !repository.seals_only()) throw;
    return claim_by_name(info);
  }
}

}  // namespace

bool put_claim(const Repository& repository, const Claim& claim, std::stop_token stop) {
  const ObjectKey key = claim_key(claim.lane, claim.slot, claim.attempt);
  if (repository.put_json(key, "claim", to_json(claim), stop) == storage::PutOutcome::stored)
    return true;
  try {
    return claim_from(claim.lane, repository.read_json(key, "claim", stop)).nonce == claim.nonce;
  } catch (const base::Error& failure) {
    if (failure.kind() != base::ErrorKind::denied || !repository.seals_only()) throw;
    return false;  // another's
  }
}

std::vector<Claim> read_claims(const Repository& repository, const Lane& lane,
                               std::stop_token stop) {
  std::vector<Claim> claims;
  for (const storage::ObjectInfo& info :
       storage::list_all(repository.store(), "claims/" + lane + "/", stop)) {
    claims.push_back(read_claim(repository, info, stop));
  }
  return claims;
}

std::vector<Claim> read_recent_claims(const Repository& repository, base::Instant since,
                                      std::stop_token stop) {
  std::vector<Claim> claims;
  for (const storage::ObjectInfo& info : storage::list_all(repository.store(), "claims/", stop)) {
    if (info.modified < since) continue;
    claims.push_back(read_claim(repository, info, stop));
  }
  return claims;
}

void put_run(const Repository& repository, const RunRecord& record, std::stop_token stop) {
  const Json body = {{"run", record.run},
                     {"lane", record.lane},
                     {"slot", base::to_rfc3339(record.slot)},
                     {"attempt", record.attempt},
                     {"started", base::to_rfc3339(record.started)},
                     {"ended", base::to_rfc3339(record.ended)},
                     {"outcome", record.ok          ? "ok"
                                 : record.cancelled ? "cancelled"
                                                    : "failed"},
                     {"error", record.error},
                     {"details", record.details}};
  repository.put_json(run_key(record.lane, record.slot, record.attempt), "run", body, stop);
}

std::vector<RunRecord> read_runs(const Repository& repository, const Lane& lane,
                                 std::stop_token stop) {
  std::vector<RunRecord> runs;
  for (const storage::ObjectInfo& info :
       storage::list_all(repository.store(), "runs/" + lane + "/", stop)) {
    Json body;
    try {
      body = repository.read_json(info.key, "run", stop);
    } catch (const base::Error& failure) {
      if (failure.kind() != base::ErrorKind::denied || !repository.seals_only()) throw;
      continue;  // of another host
    }
    runs.push_back({.lane = lane,
                    .slot = base::from_rfc3339(member<std::string>(body, "slot")),
                    .attempt = member<int>(body, "attempt"),
                    .run = member<std::string>(body, "run"),
                    .started = base::from_rfc3339(member<std::string>(body, "started")),
                    .ended = base::from_rfc3339(member<std::string>(body, "ended")),
                    .ok = member<std::string>(body, "outcome") == "ok",
                    .cancelled = member<std::string>(body, "outcome") == "cancelled",
                    .error = member<std::string>(body, "error"),
                    .details = member<Json>(body, "details")});
  }
  return runs;
}

Claim new_claim(Lane lane, base::Instant slot, int attempt, std::string run, base::Instant now) {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  std::array<std::byte, 16> nonce{};
  base::fill_random(nonce);
  return {.lane = std::move(lane),
          .slot = slot,
          .attempt = attempt,
          .run = std::move(run),
          .host = host.data(),
          .nonce = base::to_hex(nonce),
          .at = now,
          .base = {}};
}

}  // namespace repository
