// Randomness of tests: the same each run, so that a failure is there tomorrow too; SEAWALL_SEED=N
// throws other dice. Belongs to one thread.
#pragma once

#include <random>
#include <string>

#include "base/bytes.h"

namespace testing {

class Dice {
 public:
  Dice();
  explicit Dice(uint64_t seed) : seed_(seed), engine_(seed) {}

  // For SCOPED_TRACE: how to throw the same again.
  std::string told() const;

  uint64_t below(uint64_t end);  // 0 .. end - 1
  uint64_t between(uint64_t first, uint64_t last) { return first + below(last - first + 1); }
  bool one_in(uint64_t count) { return below(count) == 0; }
  // Bytes that do not compress, and bytes that do, as pages and WAL do.
  base::Bytes noise(size_t count);
  base::Bytes compressible(size_t count);
  void flip_bit(base::Bytes& bytes) { flip_bit(bytes, below(bytes.size() * 8)); }
  static void flip_bit(base::Bytes& bytes, uint64_t bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
  }

 private:
  uint64_t seed_;
  std::mt19937_64 engine_;
};

// How often a random test repeats: `quick` times, or a hundred times that in `make test-long`.
uint64_t rounds(uint64_t quick);

}  // namespace testing
