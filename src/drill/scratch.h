// The folder of one drill: all that a drill makes lies in it and goes with it. A drill that was
// killed leaves its folder; whoever drills next removes it, and ends what still runs in it.
#pragma once

#include <string>
#include <vector>

#include "base/file.h"

namespace drill {

class Scratch {
 public:
  // Makes `<base>/drill-<id>`, for us alone, and `base` if it is not there. Throws invalid when the
  // path is too long for a socket below it; denied, full.
  Scratch(const base::Path& base, const std::string& id);
  // Removes it with all it holds.
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const base::Path& folder() const { return folder_; }
  // A new empty folder in it, for us alone.
  base::Path make(const std::string& name) const;

 private:
  base::Path folder_;
  base::File lock_;  // held while we live: the kernel lets go of it however we end
};

struct Cleaned {
  std::vector<std::string> folders;  // removed
  std::vector<int> processes;        // ended
};

// Removes what drills that are dead left below `base`. One that lives is left alone. Throws
// unavailable when a process does not end.
Cleaned clean_scratch(const base::Path& base);

}  // namespace drill
