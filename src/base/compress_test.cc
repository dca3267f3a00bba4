#include "base/compress.h"

#include "testing/dice.h"
#include "testing/errors.h"

namespace base {
namespace {

Bytes skippable(size_t size) {
  Bytes frame;
  append<uint32_t>(frame, 0x184D2A5E);
  append<uint32_t>(frame, static_cast<uint32_t>(size));
  frame.resize(8 + size, std::byte{0x28});
  return frame;
}

struct Stream {
  Bytes packed;
  Bytes plain;
};

// Frames one behind the other, some of them skippable, some empty.
Stream any_stream(testing::Dice& dice, size_t bytes_max) {
  Stream stream;
  Compressor compressor(static_cast<int>(dice.between(1, 4)), dice.one_in(2));
  for (uint64_t frame = dice.below(6); frame > 0; --frame) {
    if (dice.one_in(3)) {
      append(stream.packed, skippable(dice.below(300)));
      continue;
    }
    const size_t size = dice.below(bytes_max);
    const Bytes plain = dice.one_in(3) ? dice.noise(size) : dice.compressible(size);
    append(stream.packed, compressor.compress(plain));
    append(stream.plain, plain);
  }
  return stream;
}

TEST(Decompressor, gives_the_same_however_its_input_is_split) {
  testing::Dice dice;
  SCOPED_TRACE(dice.told());
  Decompressor decompressor;  // one for all: begin() must leave nothing of the stream before
  for (uint64_t round = 0; round < testing::rounds(200); ++round) {
    const Stream stream = any_stream(dice, dice.one_in(4) ? 600'000 : 3'000);
    const size_t piece_max = dice.one_in(3) ? 3 : dice.between(1, 200'000);
    Bytes plain;
    decompressor.begin();
    for (ByteView rest(stream.packed); !rest.empty();) {
      const ByteView piece = rest.first(std::min<size_t>(rest.size(), dice.between(1, piece_max)));
      decompressor.feed(piece, [&](ByteView out) { append(plain, out); });
      rest = rest.subspan(piece.size());
    }
    decompressor.finish();
    ASSERT_TRUE(plain == stream.plain) << "round " << round;
    ASSERT_TRUE(decompressor.decompress(stream.packed, stream.plain.size()) == stream.plain);
    Bytes exact(stream.plain.size());
    decompressor.decompress_exactly(stream.packed, exact);
    ASSERT_TRUE(exact == stream.plain);
  }
}

TEST(Decompressor, finds_every_cut_that_is_not_between_two_frames) {
  Compressor compressor(2);
  const Bytes one = compressor.compress(testing::Dice(7).compressible(400));
  const Bytes skipped = skippable(9);
  Bytes packed = one;
  append(packed, skipped);
  append(packed, compressor.compress({}));
  Decompressor decompressor;
  for (size_t cut = 0; cut < packed.size(); ++cut) {
    const bool between = cut == 0 || cut == one.size() || cut == one.size() + skipped.size();
    const ByteView part = ByteView(packed).first(cut);
    if (between) {
      EXPECT_NO_THROW(decompressor.decompress(part, 1000)) << cut;
    } else {
      EXPECT_ERROR(corrupt, decompressor.decompress(part, 1000)) << cut;
    }
  }
}

TEST(Decompressor, finds_a_cut_where_its_window_was_just_full) {
  // The content is as long as the window that it is given out by, so that the last piece ends
  // exactly at the window's end.
  Compressor compressor(1);
  for (const size_t size : {256 * KiB, 512 * KiB}) {
    const Bytes plain = testing::Dice(3).noise(size);
    const Bytes packed = compressor.compress(plain);
    Decompressor decompressor;
    EXPECT_TRUE(decompressor.decompress(packed, size) == plain);
    EXPECT_ERROR(corrupt, decompressor.decompress(ByteView(packed).first(packed.size() - 1), size));
  }
}

TEST(Decompressor, refuses_more_than_it_may_give) {
  const Bytes packed = Compressor(1).compress(Bytes(10'000'000));
  Decompressor decompressor;
  EXPECT_ERROR(corrupt, decompressor.decompress(packed, 9'999'999));
  EXPECT_EQ(decompressor.decompress(packed, 10'000'000).size(), 10'000'000u);
}

TEST(Decompressor, refuses_frames_that_do_not_fill_their_place_exactly) {
  const Bytes packed = Compressor(1).compress(Bytes(1000));
  Decompressor decompressor;
  for (const size_t size : {0, 1, 999, 1001, 2000}) {
    Bytes out(size);
    EXPECT_ERROR(corrupt, decompressor.decompress_exactly(packed, out)) << size;
  }
}

TEST(Decompressor, refuses_noise) {
  testing::Dice dice;
  SCOPED_TRACE(dice.told());
  Decompressor decompressor;
  int refused = 0;
  for (int i = 0; i < 200; ++i) {
    const Bytes noise = dice.noise(dice.between(4, 200));
    try {
      decompressor.decompress(noise, MiB);
    } catch (const Error& failure) {
      ASSERT_EQ(failure.kind(), ErrorKind::corrupt);
      ++refused;
    }
  }
  EXPECT_EQ(refused, 200);
}

// Every bit of a frame that ends with a checksum.
TEST(Compressor, makes_differences_that_are_small_and_whole_with_their_prefix) {
  testing::Dice dice;
  SCOPED_TRACE(dice.told());
  const Bytes prefix = dice.noise(MiB);  // noise: nothing but the prefix makes it small
  Bytes plain = prefix;
  for (int i = 0; i < 500; ++i) plain[dice.below(plain.size())] ^= std::byte{1};
  plain.insert(plain.begin() + 1000, 777, std::byte{7});
  const Bytes packed = Compressor(1, true).compress_difference(plain, prefix);
  EXPECT_LT(packed.size(), 30'000u);
  Bytes out(plain.size());
  Decompressor decompressor;
  decompressor.decompress_exactly(packed, out, prefix);
  EXPECT_TRUE(out == plain);
  Bytes other = prefix;
  for (std::byte& byte : other) byte ^= std::byte{2};
  EXPECT_ERROR(corrupt, decompressor.decompress_exactly(packed, out, other));
  EXPECT_ERROR(corrupt, decompressor.decompress_exactly(packed, out));
  const Bytes whole = Compressor(1, true).compress(prefix);  // no prefix is left over from before
  out.resize(prefix.size());
  decompressor.decompress_exactly(whole, out);
  EXPECT_TRUE(out == prefix);
}

TEST(Compressor, makes_frames_in_which_no_flipped_bit_goes_unseen) {
  testing::Dice dice(11);
  const Bytes plain = dice.compressible(200);
  const Bytes packed = Compressor(3, true).compress(plain);
  Decompressor decompressor;
  for (uint64_t bit = 0; bit < packed.size() * 8; ++bit) {
    Bytes damaged = packed;
    testing::Dice::flip_bit(damaged, bit);
    try {
      // Some bits of a frame's head mean nothing to its content.
      EXPECT_TRUE(decompressor.decompress(damaged, 10'000) == plain) << bit;
    } catch (const Error& failure) {
      EXPECT_EQ(failure.kind(), ErrorKind::corrupt);
    }
  }
}

}  // namespace
}  // namespace base
