// Whether a YAML document has the shape that the schema gives a policy: known keys, each once, each
// of its type, none missing. What the keys together mean is judged by parse() in policy.h, which
// may then read without looking twice.
#pragma once

#include "policy/schema.h"
#include "policy/yaml_tree.h"

namespace policy {

// Throws invalid, with position, for the first thing that does not fit.
void require_shape(const YamlDocument& document, const Field& field);

}  // namespace policy
