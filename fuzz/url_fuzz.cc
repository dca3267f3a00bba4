// Any text as a URL: its parts, which make the same URL again, or invalid.
#include "fuzz.h"
#include "net/url.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = base::as_text(fuzz::view(data, size));
  fuzz::refused_at_worst({base::ErrorKind::invalid}, [&] {
    const net::Url url = net::Url::parse(text);
    const net::Url again = net::Url::parse(url.text());
    CHECK(again.text() == url.text() && again.host == url.host && again.path == url.path);
    CHECK(net::percent_decode(net::percent_encode(text)) == text);
  });
  return 0;
}
