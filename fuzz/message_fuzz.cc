// Any bytes as a whole sealed message, taken at once and in pieces: both give the same plaintext or
// the same refusal.
#include "fuzz.h"
#include "message_keys.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using base::ErrorKind;
  if (size == 0) return 0;
  const base::ByteView input = fuzz::view(data, size).subspan(1);
  const base::Bytes message =
      data[0] % 2 == 1 ? fuzz::with_true_header(input) : base::Bytes(input.begin(), input.end());
  fuzz::OneKey keys;
  const auto taken = [&](size_t piece_bytes) {
    std::pair<base::Bytes, std::string> answer;
    fuzz::refused_at_worst({ErrorKind::corrupt, ErrorKind::invalid}, [&] {
      try {
        crypto::Opener opener(keys, {},
                              [&](base::ByteView plain) { base::append(answer.first, plain); }, {});
        for (base::ByteView rest(message); !rest.empty();) {
          const base::ByteView piece = rest.first(std::min(rest.size(), piece_bytes));
          opener.write(piece);
          rest = rest.subspan(piece.size());
        }
        opener.finish();
      } catch (const base::Error& failure) {
        answer.second = failure.message();
        throw;
      }
    });
    return answer;
  };
  const auto whole = taken(message.size() + 1);
  CHECK(taken(1 + data[0] / 2) == whole);
  return 0;
}
