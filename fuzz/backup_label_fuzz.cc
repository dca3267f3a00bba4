// Any text as a backup_label: its facts, or corrupt.
#include "fuzz.h"
#include "postgres/backup_label.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::refused_at_worst({base::ErrorKind::corrupt}, [&] {
    const postgres::BackupLabel label =
        postgres::parse_backup_label(base::as_text(fuzz::view(data, size)));
    CHECK(label.start_timeline.value > 0 && label.start.value > 0);
  });
  return 0;
}
