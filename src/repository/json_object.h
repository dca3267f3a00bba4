// Objects that are JSON: one header line with a SHA-256 of the body, then the body.
// docs/formats/repository.md, "JSON objects".
#pragma once

#include "base/bytes.h"
#include "base/json.h"

namespace repository {

base::Bytes wrap_json(std::string_view type, const base::Json& body);

// The body of an object of this type. Throws corrupt when damaged or of another type, invalid when
// a newer seawall wrote it.
base::Json unwrap_json(std::string_view type, base::ByteView object);

}  // namespace repository
