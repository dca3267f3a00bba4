// A new policy as YAML with comments: what each key means comes from the schema, what the keys hold
// and why from the caller. Keys that are not given stand there commented out, so that the file is
// its own manual.
#pragma once

#include <string>
#include <vector>

#include "policy/schema.h"

namespace policy {

// A part of a policy to be: a key with a value, or with children.
struct Draft {
  std::string key;
  std::string value;               // as YAML has it; empty where there are children
  std::vector<std::string> why{};  // sentences above it, before those of the schema
  std::vector<Draft>
      children{};         // of notes: one child per note, with key "-" and children what and why
  bool proposed = false;  // with its value behind a #, for a person to decide
};

// `title` is the comment at the top, one line each. The text parses, if the values do.
std::string render_commented(const std::vector<Draft>& drafts,
                             const std::vector<std::string>& title);

// A text as YAML has it, in double quotes where it would be read as something else.
std::string yaml_text(std::string_view text);

}  // namespace policy
