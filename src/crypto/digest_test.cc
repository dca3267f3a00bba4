#include "crypto/digest.h"

#include "crypto/xxh3.h"
#include "testing/dice.h"
#include "testing/errors.h"

namespace crypto {
namespace {

using base::ByteView;

// FIPS 180-4's examples.
TEST(Sha256, agrees_with_the_published_vectors) {
  EXPECT_EQ(sha256_hex({}), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex(base::as_bytes("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(base::as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_hex(base::Bytes(1'000'000, std::byte{'a'})),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Digests, are_the_same_of_a_stream_however_it_is_split) {
  testing::Dice dice;
  SCOPED_TRACE(dice.told());
  const HashKey key = HashKey::random();
  for (uint64_t round = 0; round < testing::rounds(100); ++round) {
    const base::Bytes bytes = dice.noise(dice.one_in(3) ? dice.below(20'000) : dice.below(600));
    KeyedDigest stream(key);
    Sha256 sha;
    for (ByteView rest(bytes); !rest.empty();) {
      const ByteView piece =
          rest.first(std::min<size_t>(rest.size(), dice.between(1, dice.between(1, 3000))));
      stream.update(piece);
      sha.update(piece);
      rest = rest.subspan(piece.size());
    }
    EXPECT_EQ(stream.finish(), key.digest(bytes)) << bytes.size();
    EXPECT_EQ(sha.finish_hex(), sha256_hex(bytes)) << bytes.size();
  }
}

// What `xxhsum -H2` cannot tell, for it takes no secret: computed once with xxHash 0.8 and kept,
// for every repository that exists hangs on it.
TEST(KeyedDigest, is_that_of_format_1) {
  base::Bytes secret(HashKey::size);
  for (size_t i = 0; i < secret.size(); ++i) secret[i] = static_cast<std::byte>(i * 7 + 1);
  const HashKey key = HashKey::from(secret);
  EXPECT_EQ(key.digest({}).hex(), "8b066fcd5d5855b4435edc0c3f3c458d");
  EXPECT_EQ(key.digest(base::as_bytes("abc")).hex(), "91d7bdc9ac53a20aac9cf8582bddd816");
  EXPECT_EQ(key.digest(base::Bytes(8192, std::byte{1})).hex(), "3982e33935d9dd51792926f7cae2ddb0");
}

// On a processor with AVX2 this compares the two codes; on others there is one.
TEST(KeyedDigest, is_the_same_by_the_code_that_is_best_here) {
  testing::Dice dice;
  SCOPED_TRACE(dice.told());
  for (uint64_t round = 0; round < testing::rounds(200); ++round) {
    const HashKey key = HashKey::random();
    const base::Bytes bytes = dice.noise(dice.one_in(3) ? dice.below(40'000) : dice.below(600));
    Digest plain;
    Digest fast;
    xxh3::plain.digest(bytes.data(), bytes.size(), key.bytes().data(), HashKey::size,
                       plain.bytes.data());
    xxh3::best().digest(bytes.data(), bytes.size(), key.bytes().data(), HashKey::size,
                        fast.bytes.data());
    EXPECT_EQ(plain, fast) << bytes.size();
  }
}

TEST(KeyedDigest, differs_with_the_key_and_with_every_bit) {
  const HashKey one = HashKey::random();
  const HashKey two = HashKey::random();
  base::Bytes block = testing::Dice(5).compressible(8192);
  const Digest digest = one.digest(block);
  EXPECT_NE(digest, two.digest(block));
  for (uint64_t bit = 0; bit < block.size() * 8; bit += 37) {
    testing::Dice::flip_bit(block, bit);
    EXPECT_NE(one.digest(block), digest) << bit;
    testing::Dice::flip_bit(block, bit);
  }
  EXPECT_EQ(one.digest(block), digest);
}

TEST(HashKey, has_exactly_its_size) {
  EXPECT_ERROR(corrupt, HashKey::from(base::Bytes(191)));
  EXPECT_ERROR(corrupt, HashKey::from(base::Bytes(193)));
  const HashKey key = HashKey::random();
  EXPECT_EQ(HashKey::from(key.bytes()).digest({}), key.digest({}));
}

}  // namespace
}  // namespace crypto
