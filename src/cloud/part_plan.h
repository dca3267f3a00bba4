// How large the parts of an upload are: S3 takes a limited number of them, and a body's length is
// often a guess. Values.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace cloud {

inline constexpr uint64_t part_bytes_min = 5 * base::MiB;  // but for the last part
inline constexpr uint64_t part_bytes_max = 5 * base::GiB;

// Parts start as large as is needed for what is expected to fit with a tenth to spare. Should there
// be more, each tenth of the number allowed is used up with parts twice as large as before: a
// thousand parts from 8 MiB on hold more than 800 GB, ten thousand more than S3 lets an object
// have.
class PartPlan {
 public:
  PartPlan(uint64_t part_bytes, unsigned parts_max, uint64_t expected_bytes);
  // Of part `number`, from 1. Throws full when there may be none of that number.
  uint64_t bytes_of(unsigned number) const;

 private:
  uint64_t first_;
  unsigned parts_max_;
};

}  // namespace cloud
