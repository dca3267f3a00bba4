// Any JSON as the record of a dump: a record that is written and read back as itself, or refused.
#include "fuzz.h"
#include "repository/dump_record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::refused_at_worst({base::ErrorKind::corrupt, base::ErrorKind::invalid}, [&] {
    const base::Json json = base::parse_json(base::as_text(fuzz::view(data, size)), "the record");
    const repository::DumpRecord record = repository::dump_record_from_json(json);
    (void)record.rows();
    (void)summary(record);
    const base::Json once = to_json(record);
    CHECK(to_json(repository::dump_record_from_json(once)) == once);
  });
  return 0;
}
