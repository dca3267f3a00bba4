// The files that AWS's own tools keep below ~/.aws: sections of keys and values.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace cloud {

using ProfileSection = std::map<std::string, std::string>;

// Sections by name ("default", "profile backup", "services local"). A key that has indented keys
// below it gives "key.subkey". A section that comes twice is one. Throws invalid, naming `file` and
// the line, never what is in it.
std::map<std::string, ProfileSection> parse_profiles(std::string_view text,
                                                     const std::string& file);

}  // namespace cloud
