// Any bytes as a stored message of which ranges are read. What a range gives is what the whole
// gives, wherever the whole opens.
#include "fuzz.h"
#include "message_keys.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using base::ErrorKind;
  if (size < 3) return 0;
  const base::Bytes message = fuzz::with_true_header(fuzz::view(data, size).subspan(3));
  fuzz::OneKey keys;
  fuzz::refused_at_worst({ErrorKind::corrupt, ErrorKind::invalid}, [&] {
    const std::optional<crypto::MessageHeader> header = crypto::parse_message_header(message);
    if (!header) return;
    crypto::FrameOpener frames(crypto::open_header(*header, fuzz::the_key()), *header,
                               message.size());
    const uint64_t all = frames.layout().plain_bytes();
    CHECK(all <= message.size());
    const uint64_t offset = all * data[0] / 255;
    const uint64_t count = (all - offset) * data[1] / 255;
    const crypto::StoredRange range = frames.layout().stored_range(offset, count);
    base::Bytes out(count);
    frames.open(base::ByteView(message).subspan(range.offset, range.bytes), offset, out);
    base::Bytes whole;
    try {
      whole = crypto::open(message, keys, {}, {});
    } catch (const base::Error& failure) {  // damage elsewhere does not concern this range
      CHECK(failure.kind() == ErrorKind::corrupt);
      return;
    }
    CHECK(whole.size() == all);
    CHECK(std::equal(out.begin(), out.end(), whole.begin() + static_cast<std::ptrdiff_t>(offset)));
  });
  return 0;
}
