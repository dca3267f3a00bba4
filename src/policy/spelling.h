// "did you mean ...?": the nearest of the words that are allowed. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace policy {

// How many letters must be added, dropped, changed or swapped with their neighbour to turn one word
// into the other.
size_t edit_distance(std::string_view one, std::string_view other);

// The allowed word nearest to `word`, letter case aside; nothing when none is near enough to be
// meant.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& allowed);

// "did you mean 'retain'?", or failing that "allowed: at, every, retain".
std::string spelling_hint(std::string_view word, const std::vector<std::string>& allowed);

// The text as an error shows it: in single quotes, on one line, cut when long.
std::string shown(std::string_view text);

}  // namespace policy
