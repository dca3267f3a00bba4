// Any bytes as the header of a sealed message. What is read is written as the same bytes again, for
// its tag is over them.
#include <algorithm>

#include "crypto/message_header.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using base::ErrorKind;
  const base::ByteView bytes = fuzz::view(data, size);
  fuzz::refused_at_worst({ErrorKind::corrupt, ErrorKind::invalid}, [&] {
    const std::optional<crypto::MessageHeader> header = crypto::parse_message_header(bytes);
    if (!header) return;
    CHECK(header->stored_bytes() <= size);
    CHECK(std::ranges::equal(crypto::serialise_body(*header), header->body));
    CHECK(std::ranges::equal(header->body, bytes.first(header->body.size())));
    crypto::describe_recipients(header->keys);
    crypto::find_label(*header);
  });
  return 0;
}
