// Which timeline branched off which, and where. Source: PostgreSQL
// src/backend/access/transam/timeline.c.
#pragma once

#include <string>
#include <vector>

#include "postgres/lsn.h"

namespace postgres {

// The ancestors of one timeline, oldest first, and the timeline itself at the end.
class TimelineHistory {
 public:
  struct Leg {
    Timeline timeline;
    Lsn begin;  // where it branched off its parent; 0 for the first
    Lsn end;    // where the next leg begins; the greatest position for the last
  };

  // A timeline without ancestors.
  explicit TimelineHistory(Timeline timeline);
  // From the text of NNNNNNNN.history. Throws corrupt.
  static TimelineHistory parse(Timeline timeline, std::string_view text);

  Timeline timeline() const { return legs_.back().timeline; }
  const std::vector<Leg>& legs() const { return legs_; }
  // The timeline on this path whose WAL holds the byte at `lsn`.
  Timeline timeline_at(Lsn lsn) const;
  // Whether `timeline` is on this path and the path is still on it just before `lsn`.
  bool contains(Timeline timeline, Lsn lsn) const;

 private:
  std::vector<Leg> legs_;
};

}  // namespace postgres
