// The policy's form as a JSON Schema (draft 2020-12), for editors: completion, descriptions, red
// lines while typing. It is shipped as docs/seawall.schema.json. The parser is stricter: it also
// knows what values are to each other.
#pragma once

#include <string>

namespace policy {

// Indented by two, with a newline at the end.
std::string json_schema();

}  // namespace policy
