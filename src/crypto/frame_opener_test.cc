#include "crypto/testing.h"

namespace crypto {
namespace {

using base::Bytes;
using base::ByteView;

struct Ranges {
  Ranges(KeyWrapper& keys, const Bytes& stored)
      : message(stored),
        header(*parse_message_header(message)),
        key(open_header(header, unwrap(keys, header, {}))) {}

  Bytes read(uint64_t offset, uint64_t count) {
    FrameOpener opener(key, header, message.size());
    const StoredRange range = opener.layout().stored_range(offset, count);
    Bytes out(count);
    opener.open(ByteView(message).subspan(range.offset, range.bytes), offset, out);
    return out;
  }

  const Bytes& message;
  MessageHeader header;
  MessageKey key;
};

Bytes part(const Bytes& bytes, uint64_t offset, uint64_t count) {
  const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(offset);
  return {from, from + static_cast<std::ptrdiff_t>(count)};
}

TEST(FrameOpener, reads_any_range_of_any_message) {
  LocalKeyFile keys = new_key();
  testing::Dice dice;
  SCOPED_TRACE(dice.told());
  for (uint64_t round = 0; round < testing::rounds(100); ++round) {
    const auto frame = static_cast<uint32_t>(dice.between(1, 300));
    const Bytes plain = dice.noise(dice.one_in(3) ? frame * dice.below(9) : dice.below(2000));
    const Bytes message = foreign_message(keys.generate({}, {}), {}, plain, frame, dice.one_in(2));
    Ranges ranges(keys, message);
    for (int i = 0; i < 20; ++i) {
      const uint64_t offset = dice.below(plain.size() + 1);
      const uint64_t count = dice.below(plain.size() - offset + 1);
      EXPECT_EQ(ranges.read(offset, count), part(plain, offset, count))
          << frame << ' ' << plain.size() << ' ' << offset << ' ' << count;
    }
  }
}

TEST(FrameOpener, takes_only_the_frames_it_needs) {
  const FrameLayout layout = FrameLayout::of_plain(10 * envelope_frame_bytes + 7);
  constexpr uint64_t each = envelope_frame_bytes + frame_overhead;
  EXPECT_EQ(layout.stored_range(0, 1), (StoredRange{2048, each}));
  EXPECT_EQ(layout.stored_range(envelope_frame_bytes - 1, 2), (StoredRange{2048, 2 * each}));
  EXPECT_EQ(layout.stored_range(uint64_t{10} * envelope_frame_bytes, 7),
            (StoredRange{2048 + 10 * each, 7 + last_frame_overhead}));
  EXPECT_EQ(layout.stored_range(5, 0).bytes, 0);
}

TEST(FrameOpener, refuses_every_flipped_byte_of_a_range) {
  LocalKeyFile keys = new_key();
  const Bytes plain = testing::Dice(9).noise(50);
  Bytes message = foreign_message(keys.generate({}, {}), {}, plain, 16);
  Ranges ranges(keys, message);
  for (size_t at = ranges.header.stored_bytes(); at < message.size(); ++at) {
    message[at] ^= std::byte{0x80};
    EXPECT_ERROR(corrupt, ranges.read(0, plain.size())) << at;
    message[at] ^= std::byte{0x80};
  }
  EXPECT_EQ(ranges.read(3, 40), part(plain, 3, 40));
}

TEST(FrameOpener, gives_out_nothing_that_was_not_verified) {
  LocalKeyFile keys = new_key();
  const Bytes plain = testing::Dice(9).noise(48);
  Bytes message = foreign_message(keys.generate({}, {}), {}, plain, 16);
  Ranges ranges(keys, message);
  message[ranges.header.stored_bytes() + 16 + frame_overhead + 20] ^= std::byte{1};
  FrameOpener opener(ranges.key, ranges.header, message.size());
  Bytes out(48, std::byte{0xEE});
  EXPECT_ERROR(corrupt,
               opener.open(ByteView(message).subspan(ranges.header.stored_bytes()), 0, out));
  EXPECT_EQ(part(out, 0, 16), part(plain, 0, 16));
  EXPECT_EQ(part(out, 16, 16), Bytes(16));
}

TEST(FrameOpener, notices_a_message_that_was_cut_or_has_grown) {
  LocalKeyFile keys = new_key();
  const Bytes plain(3 * envelope_frame_bytes + 10);
  const Bytes whole = sealed_by(keys, plain);
  const FrameLayout layout = FrameLayout::of_stored(whole.size());
  // Cut so that the size is that of a message, too: only the label tells.
  for (const uint64_t less : {uint64_t{1}, uint64_t{9}, layout.frame_bytes() + frame_overhead}) {
    Bytes cut = whole;
    cut.resize(whole.size() - less);
    const MessageHeader header = *parse_message_header(cut);
    const MessageKey key = open_header(header, unwrap(keys, header, {}));
    EXPECT_ERROR(corrupt, FrameOpener(key, header, cut.size())) << less;
  }
  // Without a label the last frame tells, to whoever reads it.
  const Bytes foreign = foreign_message(keys.generate({}, {}), {}, ByteView(plain).first(64), 16);
  Bytes cut = foreign;
  cut.resize(cut.size() - 16 - frame_overhead);
  EXPECT_ERROR(corrupt, Ranges(keys, cut).read(32, 16));
}

TEST(FrameLayout, refuses_sizes_that_no_message_has) {
  for (const uint64_t size :
       {uint64_t{0}, uint64_t{2048}, uint64_t{2048} + last_frame_overhead - 1})
    EXPECT_ERROR(corrupt, FrameLayout::of_stored(size));
  // Between a last frame that is full and one more frame.
  const uint64_t full = FrameLayout::of_plain(envelope_frame_bytes).stored_bytes();
  for (uint64_t more = 1; more < frame_overhead; ++more)
    EXPECT_ERROR(corrupt, FrameLayout::of_stored(full + more)) << more;
  EXPECT_ERROR(invalid, FrameLayout::of_plain(message_plain_max + 1));
  EXPECT_EQ(FrameLayout::of_plain(message_plain_max).plain_bytes(), message_plain_max);
}

TEST(FrameLayout, is_the_same_from_either_size) {
  testing::Dice dice;
  SCOPED_TRACE(dice.told());
  for (uint64_t round = 0; round < testing::rounds(1000); ++round) {
    const uint64_t plain =
        dice.one_in(2) ? dice.below(400'000) : dice.below(uint64_t{1} << dice.between(1, 43));
    const FrameLayout layout = FrameLayout::of_plain(plain);
    EXPECT_EQ(layout.plain_bytes(), plain);
    EXPECT_EQ(FrameLayout::of_stored(layout.stored_bytes()).plain_bytes(), plain);
  }
}

}  // namespace
}  // namespace crypto
