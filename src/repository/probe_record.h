// What a probe of write-once found, kept: docs/formats/repository.md, `probes/`.
#pragma once

#include "repository/repository.h"

namespace repository {

struct ProbeStepRecord {
  std::string what;     // "delete the version"
  std::string outcome;  // refused, harmless, lost, allowed, unproven
  std::string detail;
};

struct StoreProbe {
  std::string url;
  std::string canary;
  std::vector<ProbeStepRecord> steps;
};

struct ProbeRecord {
  base::Instant at;
  std::vector<StoreProbe> stores;
};

base::Json to_json(const ProbeRecord& record);
void put_probe(const Repository& repository, const ProbeRecord& record, std::stop_token stop);
// The newest, or nothing when nobody has probed yet. Throws corrupt.
std::optional<ProbeRecord> newest_probe(const Repository& repository, std::stop_token stop);

}  // namespace repository
