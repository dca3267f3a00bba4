// How many runs may be under way in one process, whatever number of policies it carries out. Dumps
// never wait for snapshots: half of the places, the larger half, is theirs alone, and where there
// is only one place, one of each may run. Belongs to one thread.
#pragma once

#include <map>

#include "policy/due.h"

namespace schedule {

class Gate {
 public:
  explicit Gate(int at_once) : at_once_(at_once) {}

  void set_at_once(int at_once) { at_once_ = at_once; }
  bool has_room(policy::TieredLayer layer) const;
  void enter(policy::TieredLayer layer) { ++inside_[layer]; }
  void leave(policy::TieredLayer layer);
  int inside() const;

 private:
  int at_once_;
  std::map<policy::TieredLayer, int> inside_;
};

}  // namespace schedule
