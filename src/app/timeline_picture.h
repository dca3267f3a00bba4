// What can be brought back, drawn in text: snapshots, the archived log with its holes, the commits
// somebody looks for. Pure.
#pragma once

#include "monitor/catalog.h"

namespace app {

struct Span {
  base::Instant begin;
  base::Instant end;
};

struct TimelineFacts {
  base::Instant begin;  // left edge
  base::Instant end;    // right edge
  std::vector<base::Instant> snapshots;
  struct Log {
    uint32_t timeline = 0;
    std::vector<Span> stretches;  // without a hole each
  };
  std::vector<Log> logs;
  std::vector<base::Instant> marks;  // transactions
};

// Of the newest epoch, from `begin` on. A stretch of log is where its segments were archived.
TimelineFacts timeline_facts(const monitor::Catalog& catalog, base::Instant begin,
                             base::Instant end);

// Lines of at most `width` columns and a name before each.
std::string timeline_picture(const TimelineFacts& facts, const policy::Zone& zone, size_t width);

}  // namespace app
