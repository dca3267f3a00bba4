// A section of a policy's document that has the schema's shape, as the readers of its parts see it.
// Borrows the document and the schema.
#pragma once

#include <charconv>
#include <optional>

#include "base/error.h"
#include "policy/duration.h"
#include "policy/schema.h"
#include "policy/yaml_tree.h"

namespace policy {

// What is not given has the schema's default.
class Section {
 public:
  Section(const YamlDocument& document, const YamlValue& value, const Field& field)
      : document_(document), value_(value), field_(field) {}

  bool has(std::string_view key) const { return value_.find(key) != nullptr; }
  bool knows(std::string_view key) const { return field_.find(key) != nullptr; }

  const std::string& text(std::string_view key) const {
    if (const YamlValue* given = value_.find(key)) return given->text;
    const std::string& otherwise = field_of(key).default_value;
    CHECK(!otherwise.empty());
    return otherwise;
  }
  std::optional<std::string> text_if_given(std::string_view key) const {
    return has(key) ? std::optional(text(key)) : std::nullopt;
  }
  int integer(std::string_view key) const {
    const std::string& digits = text(key);
    int number = 0;
    const auto [after, outcome] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number);
    CHECK(outcome == std::errc{} && after == digits.data() + digits.size());
    return number;
  }
  bool boolean(std::string_view key) const { return text(key) == "true"; }
  base::Duration duration(std::string_view key) const { return parse_duration(text(key)); }
  std::optional<base::Duration> duration_if_given(std::string_view key) const {
    return has(key) ? std::optional(duration(key)) : std::nullopt;
  }

  std::optional<Section> section(std::string_view key) const {
    const YamlValue* given = value_.find(key);
    if (given == nullptr) return std::nullopt;
    return Section(document_, *given, field_of(key));
  }
  // The same, with nothing given where the section is not there.
  Section section_or_empty(std::string_view key) const {
    static const YamlValue empty{.kind = YamlValue::Kind::map};
    const YamlValue* given = value_.find(key);
    return Section(document_, given == nullptr ? empty : *given, field_of(key));
  }
  // Each entry of tiers is a section with the keys of the same field.
  std::vector<std::pair<std::string, Section>> tiers(std::string_view key) const {
    std::vector<std::pair<std::string, Section>> all;
    if (const YamlValue* given = value_.find(key)) {
      for (const YamlValue::Member& member : given->members) {
        all.emplace_back(member.key, Section(document_, member.value, field_of(key)));
      }
    }
    return all;
  }
  // Of a list of sections.
  std::vector<Section> sections(std::string_view key) const {
    std::vector<Section> all;
    for (const YamlValue& item : items(key)) all.emplace_back(document_, item, field_of(key));
    return all;
  }
  std::vector<std::string> texts(std::string_view key) const {
    std::vector<std::string> all;
    for (const YamlValue& item : items(key)) all.push_back(item.text);
    return all;
  }
  const std::vector<YamlValue>& items(std::string_view key) const {
    static const std::vector<YamlValue> none;
    const YamlValue* given = value_.find(key);
    return given == nullptr ? none : given->items;
  }

  // invalid, at the value of `key` if it is given, else where the section begins.
  base::Error error_at(std::string_view key, std::string_view message,
                       std::string_view hint) const {
    const YamlValue* given = value_.find(key);
    return document_.error_at(given == nullptr ? value_.position : given->position, message, hint);
  }

 private:
  const Field& field_of(std::string_view key) const {
    const Field* field = field_.find(key);
    CHECK(field != nullptr);
    return *field;
  }

  const YamlDocument& document_;
  const YamlValue& value_;
  const Field& field_;
};

}  // namespace policy
