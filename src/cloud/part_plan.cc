#include "cloud/part_plan.h"

#include <algorithm>

#include "base/error.h"

namespace cloud {

PartPlan::PartPlan(uint64_t part_bytes, unsigned parts_max, uint64_t expected_bytes)
    : parts_max_(parts_max) {
  if (part_bytes < part_bytes_min || part_bytes > part_bytes_max)
    throw base::Error(base::ErrorKind::invalid, "parts must be of 5 MiB to 5 GiB");
  if (parts_max < 10 || parts_max > 10'000)
    throw base::Error(base::ErrorKind::invalid, "an upload may have 10 to 10000 parts");
  // The first tenth of the parts are of this size: all that is expected is to fit into nine more.
  const uint64_t needed = expected_bytes / (parts_max - parts_max / 10) + 1;
  const uint64_t whole = (needed + base::MiB - 1) / base::MiB * base::MiB;
  first_ = std::min(std::max(part_bytes, whole), part_bytes_max);
}

uint64_t PartPlan::bytes_of(unsigned number) const {
  if (number > parts_max_) {
    throw base::Error(base::ErrorKind::full,
                      fmt::format("the object is larger than {} parts can hold", parts_max_),
                      "the store takes no larger object");
  }
  const unsigned doublings = (number - 1) / (parts_max_ / 10);
  return std::min(first_ << std::min(doublings, 20u), part_bytes_max);
}

}  // namespace cloud
