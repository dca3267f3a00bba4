// JSON that we wrote or must understand. Reading throws corrupt, naming the member that is missing
// or of the wrong type.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/error.h"

namespace base {

using Json = nlohmann::ordered_json;

// Throws corrupt; `what` names the text in the message.
Json parse_json(std::string_view text, std::string_view what);

// The member `name` of an object as a T.
template <typename T>
T member(const Json& object, const char* name) {
  const auto at = object.find(name);
  if (at == object.end()) throw error(ErrorKind::corrupt, "member '{}' is missing", name);
  try {
    return at->template get<T>();
  } catch (const nlohmann::json::exception&) {
    throw error(ErrorKind::corrupt, "member '{}' is of the wrong type", name);
  }
}

// The same; nothing when the member is missing or null.
template <typename T>
std::optional<T> member_if_there(const Json& object, const char* name) {
  const auto at = object.find(name);
  if (at == object.end() || at->is_null()) return std::nullopt;
  return member<T>(object, name);
}

}  // namespace base
