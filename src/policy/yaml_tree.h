// A YAML document as a tree in which every value knows its line and column. Foreign text: whatever
// it holds, the answer is a tree of bounded size or one Error(invalid).
//
// What is read: one document of maps, lists and scalars, with anchors and aliases. What is refused,
// as it only ever surprises in a policy: tags, merge keys and other keys that are no plain words,
// tabs as indentation, a second document. A key given twice stays in the tree twice; the reader of
// the tree refuses it, for it knows what the key means.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace policy {

inline constexpr size_t yaml_bytes_max = 1 << 20;
inline constexpr int yaml_depth_max = 24;
inline constexpr size_t yaml_values_max = 20'000;  // aliases unfolded

// Counted from 1, as editors do.
struct Position {
  int line = 1;
  int column = 1;
};

struct YamlValue {
  enum class Kind { nothing, scalar, list, map };
  struct Member;

  Kind kind = Kind::nothing;
  Position position;
  std::string text;              // scalar: as written, not interpreted: 03:00 stays "03:00"
  bool in_quotes = false;        // scalar: so it is text and nothing else
  std::vector<YamlValue> items;  // list
  std::vector<Member> members;   // map, in the order of the file

  // The first member of this name, or null.
  const YamlValue* find(std::string_view key) const;
};

struct YamlValue::Member {
  std::string key;
  Position position;  // of the key
  YamlValue value;
};

// "a map of keys", "a list", "a text", "nothing": what a value is, for messages. Never the text,
// which may hold a secret.
std::string_view describe_kind(const YamlValue& value);

class YamlDocument {
 public:
  // `file_name` begins the messages of error_at. Throws invalid.
  static YamlDocument parse(std::string_view text, std::string file_name);

  const YamlValue& root() const { return root_; }
  // "seawall.yaml:3:7"
  std::string where(Position position) const;
  // invalid: "seawall.yaml:3:7: <message>"
  base::Error error_at(Position position, std::string_view message,
                       std::string_view hint = {}) const;

 private:
  std::string file_name_;
  YamlValue root_;
};

}  // namespace policy
