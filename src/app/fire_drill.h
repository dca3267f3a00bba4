// A page for real, once in a while, so that the way to the person on call is known to work. The
// record of it is kept in the repository: docs/formats/repository.md, "Alerts".
#pragma once

#include "app/context.h"
#include "base/json.h"

namespace app {

struct FireDrill {
  base::Instant at;  // the page went out
  base::Instant ended;
  bool can_tell = false;    // who answered: a REST token is given
  std::string answered_by;  // empty: nobody did
  std::optional<base::Duration> answered_after;
  std::string trouble;  // why it could not be told who answered; empty: none
};

base::Json to_json(const FireDrill& drill);

// When the policy's cadence wants one: on its first such day of each month, and for a day from
// then on, if none was made since. Pure.
bool fire_drill_due(const policy::Cadence& cadence, const policy::Zone& zone,
                    const std::vector<FireDrill>& drills, base::Instant now);

// Pages by PagerDuty, waits for an answer for `wait` at most where that can be asked for, and
// resolves. Throws invalid when the policy has no PagerDuty; what telling it throws; cancelled,
// after having resolved.
FireDrill run_fire_drill(const policy::Policy& policy, base::Duration wait, std::stop_token stop);

// Throws conflict when there was another in the same second.
void put_fire_drill(const repository::Repository& repository, const FireDrill& drill,
                    std::stop_token stop);
// Oldest first.
std::vector<FireDrill> read_fire_drills(const repository::Repository& repository,
                                        std::stop_token stop);

}  // namespace app
