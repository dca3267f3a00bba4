#include "schedule/gate.h"

#include <algorithm>

#include "base/error.h"

namespace schedule {

using policy::TieredLayer;

int Gate::inside() const {
  int all = 0;
  for (const auto& [layer, count] : inside_) all += count;
  return all;
}

bool Gate::has_room(TieredLayer layer) const {
  const auto of = inside_.find(layer);
  const int of_layer = of == inside_.end() ? 0 : of->second;
  if (layer == TieredLayer::snapshots)
    return of_layer < std::max(1, at_once_ / 2) && inside() < std::max(at_once_, 2);
  return of_layer < std::max(1, at_once_ - at_once_ / 2) || inside() < at_once_;
}

void Gate::leave(TieredLayer layer) {
  CHECK(inside_[layer] > 0);
  --inside_[layer];
}

}  // namespace schedule
