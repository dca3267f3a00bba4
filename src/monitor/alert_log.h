// Alerts as records in the repository: docs/formats/repository.md, "Alerts". What is known of an
// alert is derived from its objects; none is ever changed.
#pragma once

#include <map>

#include "base/json.h"
#include "monitor/alerts.h"
#include "repository/repository.h"

namespace monitor {

// Bodies of records that were read before, by key: as they never change, a watcher that looks each
// minute reads each once. Belongs to one thread.
using AlertBodies = std::map<std::string, base::Json>;

// Those that are open or were resolved within the last two days, in full, and of each key the
// newest, of which an older one has no more than its times. Throws what reading throws: denied for
// a credential that may not open records.
std::vector<Alert> read_alerts(const repository::Repository& repository, AlertBodies& bodies,
                               base::Instant now, std::stop_token stop);

// False when another watcher has put it.
bool put_event(const repository::Repository& repository, const NewEvent& event,
               std::stop_token stop);
void put_telling(const repository::Repository& repository, const Alert& alert,
                 const AlertEvent& event, const Telling& telling, int attempt,
                 std::stop_token stop);

base::Json to_json(const Alert& alert);
Severity severity_named(std::string_view name);  // throws corrupt

// Takes the right to tell of something that went well, once: "each/dumps-nightly/20261122T193000Z",
// "digest/20261123T010000Z". False when it is taken.
bool claim_news(const repository::Repository& repository, const std::string& what,
                base::Instant now, std::stop_token stop);

}  // namespace monitor
