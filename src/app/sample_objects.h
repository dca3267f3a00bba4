// A store may answer and have lost objects: a few of those that the newest restore points name are
// looked at, without reading them.
#pragma once

#include "app/context.h"

namespace app {

// Other ones at each look, a handful of requests. What is not there, or has another size, is a
// finding; what this credential may not look at is not.
std::vector<monitor::Finding> sample_objects(Context& context,
                                             const repository::Repository& repository,
                                             const monitor::Catalog& catalog, std::stop_token stop);

}  // namespace app
