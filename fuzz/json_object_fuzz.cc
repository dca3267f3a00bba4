// Any bytes as a JSON object of the repository: its body, or an Error. The first byte says whether
// the line at its head is made right, which no fuzzer could guess.
#include "fuzz.h"
#include "repository/json_object.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const base::ByteView bytes = fuzz::view(data, size).subspan(1);
  fuzz::refused_at_worst({base::ErrorKind::corrupt, base::ErrorKind::invalid}, [&] {
    if (data[0] % 2 == 0) {
      (void)repository::unwrap_json("snapshot", bytes);
      return;
    }
    const base::Json body = base::parse_json(base::as_text(bytes), "the body");
    CHECK(repository::unwrap_json("snapshot", repository::wrap_json("snapshot", body)) == body);
  });
  return 0;
}
