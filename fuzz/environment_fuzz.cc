// Any text as a file of variables: what it sets, or invalid without a word of its values.
#include "base/environment_file.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = base::as_text(fuzz::view(data, size));
  fuzz::refused_at_worst({base::ErrorKind::invalid}, [&] {
    for (const auto& [name, value] : base::parse_environment(text, "x")) {
      CHECK(!name.empty() && name.find_first_of("= \n") == std::string::npos);
      CHECK(value.find_first_of(std::string_view("\0\n", 2)) == std::string::npos);
    }
  });
  return 0;
}
