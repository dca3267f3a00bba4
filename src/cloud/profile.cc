#include "cloud/profile.h"

#include "base/error.h"

namespace cloud {

namespace {

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// Without a comment, which starts at a '#' or ';' behind white space.
std::string_view without_comment(std::string_view value) {
  for (size_t i = 1; i < value.size(); ++i) {
    if ((value[i] == '#' || value[i] == ';') && (value[i - 1] == ' ' || value[i - 1] == '\t'))
      return trimmed(value.substr(0, i));
  }
  return value;
}

// "profile   x" is "profile x".
std::string section_name(std::string_view text) {
  std::string name;
  for (const char c : trimmed(text)) {
    const bool space = c == ' ' || c == '\t';
    if (!space || !name.ends_with(' ')) name += space ? ' ' : c;
  }
  return name;
}

}  // namespace

std::map<std::string, ProfileSection> parse_profiles(std::string_view text,
                                                     const std::string& file) {
  std::map<std::string, ProfileSection> sections;
  ProfileSection* section = nullptr;
  std::string outer;  // the key that indented ones belong to
  size_t number = 0;
  const auto fail = [&](const char* why) {
    throw base::error(base::ErrorKind::invalid, "{}, line {}: {}", file, number, why);
  };
  while (!text.empty()) {
    ++number;
    const std::string_view raw = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), raw.size() + 1));
    const std::string_view line = trimmed(raw);
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line[0] == '[') {
      const size_t end = line.find(']');
      if (end == std::string_view::npos) fail("a section's name does not end");
      section = &sections[section_name(line.substr(1, end - 1))];
      outer.clear();
      continue;
    }
    if (section == nullptr) fail("a key stands before any section");
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos || equals == 0) fail("this is neither key nor section");
    const std::string key(trimmed(line.substr(0, equals)));
    const std::string value(without_comment(trimmed(line.substr(equals + 1))));
    if (raw[0] == ' ' || raw[0] == '\t') {
      if (outer.empty()) fail("an indented key belongs to none");
      (*section)[outer + "." + key] = value;
      continue;
    }
    (*section)[key] = value;
    outer = value.empty() ? key : std::string();
  }
  return sections;
}

}  // namespace cloud
