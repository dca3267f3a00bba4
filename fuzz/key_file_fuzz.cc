// Any bytes as a key file, and as a kept data key, whose digest is made right when the first byte
// is odd.
#include "crypto/data_key_file.h"
#include "crypto/local_key_file.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using base::ErrorKind;
  if (size == 0) return 0;
  const base::ByteView input = fuzz::view(data, size).subspan(1);
  fuzz::refused_at_worst({ErrorKind::corrupt, ErrorKind::invalid}, [&] {
    const crypto::LocalKeyFile key = crypto::LocalKeyFile::parse(base::as_text(input));
    CHECK(crypto::LocalKeyFile::parse(key.text()).check() == key.check());
  });
  base::Bytes kept(input.begin(), input.end());
  if (data[0] % 2 == 1) base::append(kept, base::as_bytes(crypto::sha256_hex(input)));
  fuzz::refused_at_worst({ErrorKind::corrupt}, [&] {
    CHECK(crypto::serialise(crypto::parse_kept_data_key(kept)) == kept);
  });
  return 0;
}
