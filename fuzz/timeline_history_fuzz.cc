// Any text as a history file, for the timeline that its first byte says: a path in order, or
// corrupt.
#include "fuzz.h"
#include "postgres/timeline_history.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const postgres::Timeline timeline{uint32_t{data[0]} + 1};
  fuzz::refused_at_worst({base::ErrorKind::corrupt}, [&] {
    const postgres::TimelineHistory history = postgres::TimelineHistory::parse(
        timeline, base::as_text(fuzz::view(data, size).subspan(1)));
    CHECK(history.timeline() == timeline);
    postgres::Lsn at{};
    for (const postgres::TimelineHistory::Leg& leg : history.legs()) {
      CHECK(leg.begin == at && leg.end >= leg.begin);
      CHECK(history.contains(leg.timeline, leg.end));
      at = leg.end;
    }
  });
  return 0;
}
