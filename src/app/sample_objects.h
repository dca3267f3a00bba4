// A store may answer and have lost objects: a few of those that the newest restore points name are
// looked at, without reading them.
#pragma once

#include "app/context.h"

namespace app {

enum class Sample { some, all };

// Some: other ones at each look, a handful of requests. All: every pack of the newest snapshot, by
// listing them. What is not there, or has another size, is a finding; what this credential may not
// look at is not. Throws what asking the stores throws.
std::vector<monitor::Finding> sample_objects(Context& context,
                                             const repository::Repository& repository,
                                             const monitor::Catalog& catalog, Sample sample,
                                             std::stop_token stop);

}  // namespace app
