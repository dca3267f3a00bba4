// What alerts say, for people, whatever the route. Values and pure functions.
#pragma once

#include "monitor/alerts.h"

namespace app {

// One event of one alert.
struct AlertItem {
  std::string key;  // the finding's
  int number = 1;
  std::string group;        // what one page is about
  bool group_open = false;  // some alert of the group is
  monitor::AlertStep step = monitor::AlertStep::opened;
  monitor::Severity severity = monitor::Severity::warning;
  std::string what;
  std::string remedy;
  std::string section;
  base::Instant begun;  // since when it is so, as far as it is known
  base::Instant at;
};

// What one route is told at one look.
struct Bulletin {
  std::string policy;    // its name
  std::string exposure;  // what a loss now would mean: a sentence
  std::string runbooks;  // the URL of the folder that has them; empty: none
  base::Duration repeat_every{};
  bool test = false;  // nothing is wrong: somebody tries whether this arrives
  std::vector<AlertItem> items;
};

// What went well.
struct News {
  std::string policy;
  std::string key;       // "dumps-nightly/20261122T193000Z"
  std::string headline;  // "dumps nightly: done in 3 min"
  std::vector<std::string> lines;
  base::Instant at;
};

AlertItem item_of(const monitor::Alert& alert, const std::vector<monitor::Alert>& all);

// "https://.../incident.md#missed-run"; empty where the policy names no runbooks.
std::string runbook_link(const Bulletin& bulletin, const AlertItem& item);
// "shop: critical: dumps nightly: the run due at ... was missed (and 2 more)"
std::string headline(const Bulletin& bulletin);
std::string item_title(const AlertItem& item);  // "critical: ...", "mended: ..."
// "since 2026-11-22T19:30:00Z, for 3 h 12 min"
std::string duration_line(const AlertItem& item);
// All of it as plain text.
std::string plain_text(const Bulletin& bulletin);
std::string plain_text(const News& news);
// As the documented JSON of the generic webhook.
base::Instant now_of(const Bulletin& bulletin);  // the newest event's time

// At most `bytes_max` bytes, ended by "..." where it was longer; never within a character.
std::string shortened(std::string text, size_t bytes_max);

}  // namespace app
