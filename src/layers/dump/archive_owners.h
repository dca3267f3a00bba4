// Which objects of an archive have an owner, named as ALTER ... OWNER TO wants them. Pure
// functions.
#pragma once

#include <optional>
#include <string>

#include "layers/dump/archive_toc.h"

namespace layers {

// "TABLE \"public\".\"staff\"", "FUNCTION public.f(integer)"; nothing for an entry without an owner
// of its own, and for large objects, which some versions list by the thousand.
std::optional<std::string> owned_object(const TocEntry& entry);

// Whether only a superuser may own such an object, or it may need one.
bool wants_superuser_owner(const TocEntry& entry);

}  // namespace layers
