#include "policy/policy_shape.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "policy/calendar.h"
#include "policy/connection_source.h"
#include "policy/duration.h"
#include "policy/key_source.h"
#include "policy/listen.h"
#include "policy/place.h"
#include "policy/secret_source.h"
#include "policy/size.h"
#include "policy/spelling.h"
#include "policy/table_pattern.h"

namespace policy {

namespace {

using base::ErrorKind;

constexpr size_t text_bytes_max = 4000;

base::Error misfit(std::string_view message, std::string_view hint = {}) {
  return base::Error(ErrorKind::invalid, std::string(message), std::string(hint));
}

std::string joined(std::string_view path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

void require_choice(const Field& field, const std::string& text) {
  std::vector<std::string> values;
  for (const Choice& choice : field.choices) {
    if (choice.carried) values.push_back(choice.value);
    if (choice.value != text) continue;
    if (choice.carried) return;
    throw misfit(fmt::format("{} is not carried by this build yet", shown(text)),
                 "name what it would do under 'uncovered:'");
  }
  throw misfit(fmt::format("{} is not known", shown(text)), spelling_hint(text, values));
}

void require_integer(const Field& field, const YamlValue& value) {
  int number = 0;
  const char* const end = value.text.data() + value.text.size();
  const auto [after, outcome] = std::from_chars(value.text.data(), end, number);
  if (value.in_quotes)
    throw misfit(fmt::format("{} is a text", shown(value.text)), "take out the quotes");
  if (after != end || outcome != std::errc{}) {
    throw misfit(fmt::format("{} is not a whole number", shown(value.text)));
  }
  if (number < field.least || number > field.most)
    throw misfit(fmt::format("{} is out of range", number));
}

void require_boolean(const Field& field, const YamlValue& value) {
  if (!value.in_quotes && (value.text == "true" || value.text == "false")) {
    if (!field.choices.empty() && field.choices.front().value != value.text) {
      throw misfit(fmt::format("{} is not carried by this build yet", value.text));
    }
    return;
  }
  static const std::map<std::string, std::string> others{
      {"yes", "true"}, {"on", "true"},   {"True", "true"},   {"TRUE", "true"},
      {"no", "false"}, {"off", "false"}, {"False", "false"}, {"FALSE", "false"}};
  if (value.in_quotes)
    throw misfit(fmt::format("{} is a text", shown(value.text)), "take out the quotes");
  const auto meant = others.find(value.text);
  throw misfit(fmt::format("{} is not true or false", shown(value.text)),
               meant == others.end() ? "" : fmt::format("did you mean '{}'?", meant->second));
}

void require_endpoint(const std::string& text) {
  const size_t scheme = text.find("://");
  const std::string_view host =
      scheme == std::string::npos ? "" : std::string_view(text).substr(scheme + 3);
  const bool fits = (text.starts_with("https://") || text.starts_with("http://")) &&
                    !host.empty() && host.find_first_of("@?# \t\r\n") == std::string_view::npos;
  if (!fits) throw misfit(fmt::format("{} is not the address of a service", shown(text)));
}

// A value that is one text. Throws invalid, without the position.
void require_scalar(const Field& field, const YamlValue& value) {
  const std::string& text = value.text;
  if (text.size() > text_bytes_max) throw misfit(fmt::format("{} is too long", shown(text)));
  switch (field.type) {
    case FieldType::integer:
      return require_integer(field, value);
    case FieldType::boolean:
      return require_boolean(field, value);
    case FieldType::choice:
      return require_choice(field, text);
    case FieldType::duration:
      (void)parse_duration(text);
      return;
    case FieldType::at:
      (void)parse_at(text);
      return;
    case FieldType::every:
      (void)parse_every(text);
      return;
    case FieldType::zone:
      (void)Zone::named(text);
      return;
    case FieldType::place:
      (void)parse_store(text);
      return;
    case FieldType::endpoint:
      return require_endpoint(text);
    case FieldType::key:
      (void)parse_key(text);
      return;
    case FieldType::connection:
      (void)parse_connection(text);
      return;
    case FieldType::secret:
      (void)parse_secret(text);
      return;
    case FieldType::listen:
      (void)parse_listen(text);
      return;
    case FieldType::size:
      (void)parse_size(text);
      return;
    case FieldType::identifier:
      if (!is_identifier(field, text)) throw misfit(fmt::format("{} does not fit", shown(text)));
      return;
    case FieldType::path:
      if (!text.starts_with('/'))
        throw misfit(fmt::format("{} is not an absolute path", shown(text)));
      (void)parse_place("file://" + text);
      return;
    default:
      if (text.find_first_not_of(" \t\r\n") == std::string::npos)
        throw misfit("this text is empty");
  }
}

// Walks the document along the schema. `path` is where we are, for messages:
// "layers.snapshots.nightly".
class ShapeCheck {
 public:
  explicit ShapeCheck(const YamlDocument& document) : document_(document) {}

  void check(const YamlValue& value, const Field& field, const std::string& path) {
    switch (field.type) {
      case FieldType::section:
        return check_section(value, field, path);
      case FieldType::tiers:
        return check_tiers(value, field, path);
      case FieldType::sections:
        require_kind(value, YamlValue::Kind::list, allowed(field), path);
        for (const YamlValue& item : value.items) check_section(item, field, path);
        return;
      case FieldType::patterns:
        return check_list(value, field, path, "a table pattern such as public.sessions",
                          [](const std::string& text) { (void)TablePattern::parse(text); });
      case FieldType::texts:
        return check_list(value, field, path, "a text", [](const std::string& text) {
          if (text.find_first_not_of(" \t\r\n") == std::string::npos)
            throw misfit("this text is empty");
        });
      case FieldType::keys:
        return check_list(value, field, path, "a key such as env:BACKUP_KMS_KEY_ID",
                          [](const std::string& text) { (void)parse_key(text); });
      default:
        require_kind(value, YamlValue::Kind::scalar, allowed(field), path);
        at(value, field, path, [&] { require_scalar(field, value); });
    }
  }

 private:
  void check_list(const YamlValue& value, const Field& field, const std::string& path,
                  std::string_view wanted, void (*check_item)(const std::string&)) {
    require_kind(value, YamlValue::Kind::list, allowed(field), path);
    for (const YamlValue& item : value.items) {
      require_kind(item, YamlValue::Kind::scalar, wanted, path);
      at(item, field, path, [&] { check_item(item.text); });
    }
  }

  void check_section(const YamlValue& value, const Field& field, const std::string& path) {
    require_kind(value, YamlValue::Kind::map, allowed_keys(field), path);
    require_each_once(value, path);
    for (const YamlValue::Member& member : value.members) {
      const Field* known = field.find(member.key);
      if (known == nullptr) {
        throw document_.error_at(
            member.position, fmt::format("unknown key {} in {}", shown(member.key), called(path)),
            spelling_hint(member.key, carried_names(field.fields)));
      }
      if (!known->carried) {
        throw document_.error_at(
            member.position,
            fmt::format("'{}' is not carried by this build yet ({})", joined(path, member.key),
                        known->doc),
            "take it out, and name it under 'uncovered:' so that status tells");
      }
      check(member.value, *known, joined(path, member.key));
    }
    for (const Field& wanted : field.fields) {
      if (!wanted.required || value.find(wanted.name) != nullptr) continue;
      throw document_.error_at(
          value.position, fmt::format("{} lacks the key '{}'", called(path), wanted.name),
          fmt::format("add {}: {}", wanted.name, wanted.example.empty() ? "..." : wanted.example));
    }
  }

  void check_tiers(const YamlValue& value, const Field& field, const std::string& path) {
    require_kind(value, YamlValue::Kind::map, allowed(field), path);
    require_each_once(value, path);
    if (value.members.empty()) {
      throw document_.error_at(value.position, fmt::format("{} has no tier", path),
                               "add one, or take the layer out");
    }
    for (const YamlValue::Member& member : value.members) {
      if (field.find(member.key) != nullptr && member.value.kind != YamlValue::Kind::map) {
        throw document_.error_at(
            member.position,
            fmt::format("'{}' stands where the name of a tier is wanted", member.key),
            fmt::format("put a name above it, as in nightly: {{ {}: ... }}", member.key));
      }
      if (!is_identifier(field, member.key)) {
        throw document_.error_at(member.position,
                                 fmt::format("{} is not a name for a tier (allowed: {})",
                                             shown(member.key), allowed_letters(field)));
      }
      check_section(member.value, field, joined(path, member.key));
    }
  }

  void require_each_once(const YamlValue& map, const std::string& path) {
    std::map<std::string_view, Position> seen;
    for (const YamlValue::Member& member : map.members) {
      const auto [first, added] = seen.emplace(member.key, member.position);
      if (added) continue;
      throw document_.error_at(
          member.position, fmt::format("{} is given twice in {}", shown(member.key), called(path)),
          fmt::format("the first is in line {}; keep one", first->second.line));
    }
  }

  void require_kind(const YamlValue& value, YamlValue::Kind kind, std::string_view wanted,
                    const std::string& path) {
    if (value.kind == kind) return;
    throw document_.error_at(value.position, fmt::format("{} is {} (allowed: {})", called(path),
                                                         describe_kind(value), wanted));
  }

  static std::string called(const std::string& path) { return path.empty() ? "the policy" : path; }

  // Runs a check of one value; its failure gets the position and what is allowed there.
  template <typename Check>
  void at(const YamlValue& value, const Field& field, const std::string& path, Check&& one_check) {
    try {
      one_check();
    } catch (const base::Error& failure) {
      throw base::Error(failure.kind(),
                        fmt::format("{}: {}: {} (allowed: {})", document_.where(value.position),
                                    path, failure.message(), allowed(field)),
                        failure.hint());
    }
  }

  const YamlDocument& document_;
};

}  // namespace

void require_shape(const YamlDocument& document, const Field& field) {
  if (document.root().kind == YamlValue::Kind::nothing) {
    throw document.error_at({}, "the policy is empty", "`seawall init` writes one to begin with");
  }
  ShapeCheck(document).check(document.root(), field, "");
}

}  // namespace policy
