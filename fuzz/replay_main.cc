// Runs a fuzz target without a fuzzer: over each file of its corpus, and over mutations of them
// that are the same each run. So the ordinary build, with its own compiler and sanitizers, keeps
// what the fuzzer found.
//
//   <target>_replay fuzz/corpus/<target>
#include <algorithm>
#include <cstdio>
#include <vector>

#include "base/file.h"
#include "fuzz.h"
#include "testing/dice.h"

namespace {

constexpr uint64_t mutations = 4000;
constexpr size_t input_bytes_max = 64 * base::KiB;

void run(const base::Bytes& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

// What a fuzzer does first: bits, bytes that are limits, stretches taken out, doubled, or of
// another input.
void mutate(testing::Dice& dice, base::Bytes& input, const std::vector<base::Bytes>& corpus) {
  if (input.empty()) {
    input = dice.noise(dice.between(1, 64));
    return;
  }
  const size_t at = dice.below(input.size());
  const auto from = input.begin() + static_cast<std::ptrdiff_t>(at);
  const size_t count = dice.between(1, std::min<size_t>(input.size() - at, 64));
  const auto end = from + static_cast<std::ptrdiff_t>(count);
  switch (dice.below(6)) {
    case 0:
      dice.flip_bit(input);
      break;
    case 1:
      input[at] = std::byte{dice.one_in(2) ? uint8_t{0xFF} : uint8_t{0}};
      break;
    case 2:
      input[at] = static_cast<std::byte>(dice.below(256));
      break;
    case 3:
      input.erase(from, end);
      break;
    case 4: {
      const base::Bytes piece(from, end);
      input.insert(from, piece.begin(), piece.end());
      break;
    }
    default: {
      const base::Bytes& other = corpus[dice.below(corpus.size())];
      if (other.empty()) break;
      const size_t there = dice.below(other.size());
      const size_t length = std::min({other.size() - there, input.size() - at, size_t{64}});
      std::copy_n(other.begin() + static_cast<std::ptrdiff_t>(there), length, from);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: <target>_replay CORPUS\n", stderr);
    return 2;
  }
  std::vector<base::Path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1]))
    paths.push_back(entry.path());
  std::ranges::sort(paths);
  std::vector<base::Bytes> corpus;
  for (const base::Path& path : paths) {
    corpus.push_back(base::read_file(path, base::MiB));
    std::printf("%s\n", path.c_str());
    std::fflush(stdout);  // the last one named is the one that failed
    run(corpus.back());
  }
  if (corpus.empty()) {
    std::fputs("the corpus is empty\n", stderr);
    return 1;
  }
  testing::Dice dice;
  std::printf("%s\n", dice.told().c_str());
  std::fflush(stdout);
  for (uint64_t round = testing::rounds(mutations); round > 0; --round) {
    base::Bytes input = corpus[dice.below(corpus.size())];
    for (uint64_t change = dice.between(1, 4); change > 0; --change) mutate(dice, input, corpus);
    input.resize(std::min(input.size(), input_bytes_max));
    run(input);
  }
  return 0;
}
