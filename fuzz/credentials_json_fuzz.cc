// Any bytes as credentials in JSON: credentials, or corrupt with nothing of the text in the
// message.
#include "cloud/credentials_json.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = base::as_text(fuzz::view(data, size));
  try {
    const cloud::Credentials credentials = cloud::parse_credentials(text, "Token");
    CHECK(!credentials.secret_key.empty());
  } catch (const base::Error& failure) {
    CHECK(failure.kind() == base::ErrorKind::corrupt);
    CHECK(failure.message().size() < 100);
  }
  return 0;
}
