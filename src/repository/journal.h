// Claims and run records: who runs a slot, and how it went. docs/formats/repository.md, "Claims and
// runs".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "repository/repository.h"

namespace repository {

// "snapshots-nightly": a layer's tier, in keys.
using Lane = std::string;

struct Claim {
  Lane lane;
  base::Instant slot;
  int attempt = 1;
  std::string run;
  std::string host;
  std::string nonce;
  base::Instant at;
  std::optional<std::string> base;  // the snapshot it builds upon
};

// True when this claim now holds the attempt: it was stored, or it was there already with our own
// nonce (a reply was lost).
bool put_claim(const Repository& repository, const Claim& claim, std::stop_token stop);
std::vector<Claim> read_claims(const Repository& repository, const Lane& lane,
                               std::stop_token stop);
// Of every lane, made at or after `since`.
std::vector<Claim> read_recent_claims(const Repository& repository, base::Instant since,
                                      std::stop_token stop);

struct RunRecord {
  Lane lane;
  base::Instant slot;  // for a run by hand, the second it was started
  int attempt = 1;
  std::string run;
  base::Instant started;
  base::Instant ended;
  bool ok = false;
  bool cancelled =
      false;          // it was told to stop, or gave its claims back: no fault, nothing to wait for
  std::string error;  // why it is not ok
  base::Json details;  // by layer: what was done, how long each phase took, bytes
};

void put_run(const Repository& repository, const RunRecord& record, std::stop_token stop);
std::vector<RunRecord> read_runs(const Repository& repository, const Lane& lane,
                                 std::stop_token stop);

// A claim for this host and process, with a fresh nonce.
Claim new_claim(Lane lane, base::Instant slot, int attempt, std::string run, base::Instant now);

}  // namespace repository
