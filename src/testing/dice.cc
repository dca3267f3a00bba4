#include "testing/dice.h"

#include <fmt/format.h>

#include <cstdlib>

namespace testing {

namespace {
uint64_t chosen_seed() {
  const char* text = std::getenv("SEAWALL_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 1;
}
}  // namespace

Dice::Dice() : Dice(chosen_seed()) {}

std::string Dice::told() const { return fmt::format("SEAWALL_SEED={}", seed_); }

uint64_t Dice::below(uint64_t end) {
  return std::uniform_int_distribution<uint64_t>(0, end - 1)(engine_);
}

base::Bytes Dice::noise(size_t count) {
  base::Bytes bytes(count);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(engine_() >> 56);
  return bytes;
}

base::Bytes Dice::compressible(size_t count) {
  base::Bytes bytes;
  bytes.reserve(count);
  while (bytes.size() < count) {
    const size_t run = std::min<size_t>(count - bytes.size(), between(1, 64));
    bytes.insert(bytes.end(), run, static_cast<std::byte>(below(16)));
  }
  return bytes;
}

uint64_t rounds(uint64_t quick) {
  return std::getenv("SEAWALL_LONG") != nullptr ? quick * 100 : quick;
}

}  // namespace testing
