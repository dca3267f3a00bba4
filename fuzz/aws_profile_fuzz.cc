// Any text as a file of profiles, and as a credential_process line: sections, words, or invalid.
#include "cloud/credential_process.h"
#include "cloud/profile.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = base::as_text(fuzz::view(data, size));
  fuzz::refused_at_worst({base::ErrorKind::invalid}, [&] {
    for (const auto& [name, section] : cloud::parse_profiles(text, "file")) {
      const auto command = section.find("credential_process");
      if (command != section.end()) (void)cloud::split_words(command->second);
    }
  });
  return 0;
}
