// Any bytes as the header of a binary object. Its check, which no fuzzer could guess, is made right
// when the first byte is odd: then what is read is written as the same bytes again.
#include "fuzz.h"
#include "repository/object_header.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static const crypto::HashKey key =
      crypto::HashKey::from(base::Bytes(crypto::HashKey::size, std::byte{0x4B}));
  base::Bytes bytes(fuzz::view(data, size).begin() + 1, fuzz::view(data, size).end());
  if (data[0] % 2 == 1 && bytes.size() >= repository::header_bytes) {
    const base::ByteView checked = base::ByteView(bytes).subspan(8, repository::header_bytes - 16);
    base::store<uint64_t>(bytes.data() + repository::header_bytes - 8,
                          base::load<uint64_t>(key.digest(checked).bytes.data()));
  }
  fuzz::refused_at_worst({base::ErrorKind::corrupt, base::ErrorKind::invalid}, [&] {
    const repository::ObjectHeader header =
        repository::parse_header(bytes, repository::ObjectKind::wal, {}, key);
    CHECK(repository::parse_header(header.serialise(key), header.kind, {}, key).content_bytes ==
          header.content_bytes);
  });
  return 0;
}
