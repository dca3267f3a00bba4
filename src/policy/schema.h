// What a policy may say, stated once, as data: which keys there are, what each takes and means. The
// parser's checks and suggestions, the JSON Schema for editors and the comments in a new policy are
// all made from it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace policy {

enum class FieldType {
  section,     // a map with the keys of `fields`
  tiers,       // a map from names (identifiers) of the user's choice to sections with the keys of
               // `fields`
  sections,    // a list of sections with the keys of `fields`
  patterns,    // a list of table patterns
  text,        // any text that is not empty
  texts,       // a list of them
  identifier,  // 1 to `most` of the letters a-z, 0-9, _ and, with `dashes`, -
  integer,     // from `least` to `most`
  boolean,     // true or false; with `choices`, only those
  choice,      // one of `choices`
  duration,    // 7d, 12w, 15m
  at,          // "03:00", "Sun 03:00"
  every,       // 15m
  zone,        // Asia/Singapore
  place,       // file:///path, s3://bucket/prefix
  endpoint,    // https://host:port
  key,         // env:NAME, file:/path, aws-kms:..., vault:mount/key
  keys,        // a list of them
  connection,  // postgresql://..., env:NAME, file:/path
  path,        // /absolute/path
  secret,      // env:NAME, file:/path
  listen,      // 127.0.0.1:9187
  size,        // 100MB
};

struct Choice {
  std::string value;
  bool carried = true;  // false: a word of the strategy that this build cannot carry yet
};

struct Field {
  std::string name;
  FieldType type = FieldType::section;
  std::string doc;            // what it means, in sentences
  std::string example;        // a value as YAML has it
  std::string default_value;  // as YAML has it; empty: there is none
  bool required = false;
  bool carried = true;  // false: known, but a policy that holds it is an error in this build
  std::vector<Field> fields{};
  std::vector<Choice> choices{};
  int least = 0;
  int most = 0;
  bool dashes = false;

  // The field of this name among `fields`, or null.
  const Field* find(std::string_view wanted) const;
};

// The whole policy: a section.
const Field& schema();

// What a field takes, in words: "a duration such as 7d", "a whole number from 1 to 19".
std::string allowed(const Field& field);

// The same for a section, and for one entry of `tiers` or `sections`: "keys: at, retain".
std::string allowed_keys(const Field& field);

// What an identifier, or the name of a tier, is made of, in words and as a regular expression; and
// whether a text is one.
std::string allowed_letters(const Field& field);
std::string identifier_pattern(const Field& field);
bool is_identifier(const Field& field, std::string_view text);

// The names of all fields that this build carries, for suggestions.
std::vector<std::string> carried_names(const std::vector<Field>& fields);

}  // namespace policy
