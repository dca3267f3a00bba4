// Any JSON as the root of a snapshot: a root that is written and read back as itself, or corrupt.
#include "base/json.h"
#include "fuzz.h"
#include "repository/snapshot_root.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::refused_at_worst({base::ErrorKind::corrupt}, [&] {
    const base::Json json = base::parse_json(base::as_text(fuzz::view(data, size)), "the root");
    const base::Json once = to_json(repository::snapshot_root_from(json));
    CHECK(to_json(repository::snapshot_root_from(once)) == once);
  });
  return 0;
}
