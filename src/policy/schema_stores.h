// The parts of the schema that are about stores: how buckets are reached, what seals what is in
// them, where copies go.
#pragma once

#include "policy/schema.h"

namespace policy {

Field s3_field();
Field repository_field();
// Of a tier of dumps:
Field dump_encryption_field();
Field lock_field(std::string doc, std::string of_duration);
Field replica_field();

}  // namespace policy
