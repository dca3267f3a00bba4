// Any bytes as pg_control. Its CRC is made right, so that what is behind it is read.
#include "base/crc32c.h"
#include "fuzz.h"
#include "postgres/control_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const base::ByteView view = fuzz::view(data, size);
  const auto parse = [](base::ByteView bytes) {
    fuzz::refused_at_worst({base::ErrorKind::corrupt, base::ErrorKind::invalid}, [&] {
      const postgres::ControlFile facts = postgres::parse_control_file(bytes);
      CHECK(facts.major() >= 14 && facts.major() <= 18);
    });
  };
  parse(view);
  // Where the CRC is differs by version; each place that it may be at is taken.
  for (const size_t at : {288, 292}) {
    if (size < at + 4) continue;
    base::Bytes bytes(view.begin(), view.end());
    base::store<uint32_t>(bytes.data() + at, base::crc32c(view.first(at)));
    parse(bytes);
  }
  return 0;
}
