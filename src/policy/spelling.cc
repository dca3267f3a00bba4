#include "policy/spelling.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace policy {

namespace {

constexpr size_t word_bytes_max =
    64;  // longer words are not typing mistakes, and the table is quadratic

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace

size_t edit_distance(std::string_view one, std::string_view other) {
  const size_t width = other.size() + 1;
  std::vector<size_t> table((one.size() + 1) * width);
  const auto cell = [&](size_t i, size_t j) -> size_t& { return table[i * width + j]; };
  for (size_t i = 0; i <= one.size(); ++i) cell(i, 0) = i;
  for (size_t j = 0; j <= other.size(); ++j) cell(0, j) = j;
  for (size_t i = 1; i <= one.size(); ++i) {
    for (size_t j = 1; j <= other.size(); ++j) {
      const size_t change = one[i - 1] == other[j - 1] ? 0 : 1;
      cell(i, j) = std::min({cell(i - 1, j) + 1, cell(i, j - 1) + 1, cell(i - 1, j - 1) + change});
      const bool swapped =
          i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1];
      if (swapped) cell(i, j) = std::min(cell(i, j), cell(i - 2, j - 2) + 1);
    }
  }
  return cell(one.size(), other.size());
}

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& allowed) {
  if (word.empty() || word.size() > word_bytes_max) return std::nullopt;
  const std::string wanted = lower(word);
  std::optional<std::string> best;
  size_t best_distance = std::max<size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : allowed) {
    const auto [shorter, longer] = std::minmax({candidate.size(), word.size()});
    if (longer - shorter >= best_distance) continue;  // so many letters would have to be added
    const size_t distance = edit_distance(wanted, lower(candidate));
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string spelling_hint(std::string_view word, const std::vector<std::string>& allowed) {
  if (const std::optional<std::string> meant = nearest(word, allowed)) {
    return fmt::format("did you mean '{}'?", *meant);
  }
  return fmt::format("allowed: {}", fmt::join(allowed, ", "));
}

std::string shown(std::string_view text) {
  constexpr size_t shown_max = 60;
  std::string out = "'";
  for (const char c : text.substr(0, shown_max)) {
    const unsigned char byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7f ? ' ' : c;
  }
  // A cut may fall inside a UTF-8 sequence: drop the piece that is left of it.
  if (text.size() > shown_max) {
    while (out.size() > 1 && (static_cast<unsigned char>(out.back()) & 0xC0) == 0x80)
      out.pop_back();
    if ((static_cast<unsigned char>(out.back()) & 0xC0) == 0xC0) out.pop_back();
    out += "...";
  }
  return out + "'";
}

}  // namespace policy
