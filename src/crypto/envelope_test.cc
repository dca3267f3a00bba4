// Whole messages: the published one, ours, and what must be refused.
#include "crypto/testing.h"

namespace crypto {
namespace {

using base::Bytes;
using base::ByteView;

Bytes repeated(uint8_t value, size_t count) { return Bytes(count, std::byte{value}); }

template <size_t N>
std::array<std::byte, N> filled(uint8_t value) {
  std::array<std::byte, N> out{};
  out.fill(std::byte{value});
  return out;
}

// A message that AWS's JavaScript SDK opens, all of whose inputs are known.
namespace vector {
const EncryptionContext context = {{"cluster", "c1"}, {"object", "wal/000000010000000000000001"}};
constexpr std::string_view text = "hello, backup!!";
constexpr std::string_view derived_key =
    "2eadd4a70665ae17acc82d86ce572e836b798747345d6924e0811e19f88a4fc8";
constexpr std::string_view commitment =
    "a53c46bcc6eaaddad832e89ef968ee154013c0fbc76dfbe852ddf0ce2cf0a408";
constexpr std::string_view tag = "01a0ff11ff81fd2a834ee928a7ce9676";
constexpr std::string_view message =
    "020478222222222222222222222222222222222222222222222222222222222222222200350002"
    "0007636c75737465720002633100066f626a656374001c77616c2f303030303030303130303030"
    "303030303030303030303031000100047067626b00196b656b2d31000000800000000c33333333"
    "3333333333333333"
    "0030540191fb70b108f4345015f8a6716aa30030c70973e1b9d5673132c99508aa2d6d9f13d484"
    "bc17b296198ea973fd25ff"
    "0200000008a53c46bcc6eaaddad832e89ef968ee154013c0fbc76dfbe852ddf0ce2cf0a40801a0"
    "ff11ff81fd2a834ee928a7ce9676"
    "00000001000000000000000000000001423d7728e627ef529b57a4d392d4cba848a52d05012d4b"
    "c1"
    "ffffffff00000002000000000000000000000002"
    "00000007d18c3266f8b047b31a6315e7fa6e8afa80a9cf74fa9228";

// Its keyring has a namespace and name of its own, which no key file of ours answers to.
struct Keyring : KeyWrapper {
  DataKey generate(const EncryptionContext&, std::stop_token) override {
    return {SecretKey::from(repeated(0x11, 32)), {}};
  }
  void add_wrapping(DataKey&, const EncryptionContext&, std::stop_token) override {}
  std::optional<SecretKey> unwrap(std::span<const EncryptedDataKey> entries,
                                  const EncryptionContext& bound, std::stop_token) override {
    Bytes key(32);
    for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::byte>(i);
    const ByteView sealed(entries[0].ciphertext);
    Bytes plain(32);
    if (!AesGcm(AesGcm::Direction::open, key)
             .open(filled<12>(0x33), serialise(bound), sealed.first(32), sealed.last(16), plain)) {
      return std::nullopt;
    }
    return SecretKey::from(plain);
  }
  std::string describe() const override { return "the published keyring"; }
};
}  // namespace vector

TEST(Envelope, opens_the_published_message) {
  vector::Keyring keys;
  const Bytes message = base::from_hex(vector::message);
  EXPECT_EQ(base::as_text(open(message, keys, vector::context, {})), vector::text);
}

TEST(Envelope, writes_the_published_message) {
  MessageHeader header = *parse_message_header(base::from_hex(vector::message));
  EXPECT_EQ(header.id, filled<32>(0x22));
  EXPECT_EQ(header.context, vector::context);
  const DerivedKeys derived =
      derive_keys(Suite::committing, header.id, SecretKey::from(repeated(0x11, 32)));
  EXPECT_EQ(base::to_hex(derived.key.bytes), vector::derived_key);
  EXPECT_EQ(base::to_hex(derived.commitment), vector::commitment);

  FrameSealer sealer(derived.key.bytes, header.id);
  Bytes message = serialise_body(header);
  const GcmTag tag = sealer.seal_header(message);
  EXPECT_EQ(base::to_hex(tag), vector::tag);
  base::append(message, ByteView(tag));
  Bytes room(8 + last_frame_overhead);
  const ByteView plain = base::as_bytes(vector::text);
  base::append(message, ByteView(room).first(sealer.seal_frame(plain.first(8), false, room)));
  base::append(message, ByteView(room).first(sealer.seal_frame(plain.subspan(8), true, room)));
  EXPECT_EQ(base::to_hex(message), vector::message);
}

TEST(Envelope, gives_back_what_was_sealed_at_every_odd_size) {
  LocalKeyFile keys = new_key();
  testing::Dice dice;
  SCOPED_TRACE(dice.told());
  constexpr uint64_t frame = envelope_frame_bytes;
  for (const uint64_t size : {uint64_t{0}, uint64_t{1}, frame - 1, frame, frame + 1, 2 * frame - 1,
                              2 * frame, 2 * frame + 1, 3 * base::MiB + 5}) {
    const Bytes plain = dice.noise(size);
    const Bytes message = sealed_by(keys, plain);
    EXPECT_EQ(open(message, keys, data_context(), {}), plain) << size;
    const FrameLayout layout = FrameLayout::of_stored(message.size());
    EXPECT_EQ(layout.plain_bytes(), size);
    EXPECT_EQ(layout.stored_bytes(), message.size());
    EXPECT_EQ(FrameLayout::of_plain(size).stored_bytes(), message.size());
    const MessageHeader header =
        *parse_message_header(ByteView(message).first(envelope_header_bytes));
    EXPECT_EQ(header.stored_bytes(), envelope_header_bytes);
    EXPECT_EQ(find_label(header), some_label(size));
  }
}

TEST(Envelope, is_the_same_stream_however_it_is_split) {
  LocalKeyFile keys = new_key();
  testing::Dice dice;
  SCOPED_TRACE(dice.told());
  for (uint64_t round = 0; round < testing::rounds(40); ++round) {
    const Bytes plain = dice.noise(dice.below(uint64_t{5} * envelope_frame_bytes));
    const auto pieces = [&](ByteView bytes, const auto& write) {
      const uint64_t most = dice.one_in(2) ? 200'000 : dice.between(1, 5000);
      while (!bytes.empty()) {
        const ByteView piece = bytes.first(std::min<size_t>(bytes.size(), dice.between(1, most)));
        write(piece);
        bytes = bytes.subspan(piece.size());
      }
    };
    Bytes message;
    Sealer sealer(keys.generate(data_context(), {}), data_context(),
                  [&](ByteView sealed) { base::append(message, sealed); });
    pieces(plain, [&](ByteView piece) { sealer.write(piece); });
    const Bytes head = sealer.finish(some_label(0));
    std::ranges::copy(head, message.begin());
    Bytes opened;
    Opener opener(keys, data_context(), [&](ByteView out) { base::append(opened, out); }, {});
    pieces(message, [&](ByteView piece) { opener.write(piece); });
    opener.finish();
    EXPECT_EQ(opened, plain);
  }
}

TEST(Envelope, may_have_its_start_replaced_before_the_end) {
  LocalKeyFile keys = new_key();
  testing::Dice dice;
  SCOPED_TRACE(dice.told());
  constexpr uint64_t frame = envelope_frame_bytes;
  for (const uint64_t held : {uint64_t{1}, uint64_t{144}, frame, frame + 1, 3 * frame}) {
    for (const uint64_t size :
         {uint64_t{0}, uint64_t{1}, held - 1, held, held + 1, frame - 1, frame, frame + 1,
          2 * frame, 3 * frame, 3 * frame + 1, 5 * frame + 77}) {
      Bytes plain = dice.noise(size);
      Bytes message;
      Sealer sealer(
          keys.generate(data_context(), {}), data_context(),
          [&](ByteView sealed) { base::append(message, sealed); }, held);
      for (ByteView rest = plain; !rest.empty();) {
        const ByteView piece = rest.first(std::min<size_t>(rest.size(), dice.between(1, 90'000)));
        sealer.write(piece);
        rest = rest.subspan(piece.size());
      }
      const Bytes start = dice.noise(std::min(size, held));
      sealer.replace_start(start);
      std::ranges::copy(start, plain.begin());
      const Bytes head = sealer.finish(some_label(0));
      EXPECT_LE(head.size(), Sealer::head_bytes_max(held));
      std::ranges::copy(head, message.begin());
      EXPECT_EQ(open(message, keys, data_context(), {}), plain) << held << " of " << size;
      EXPECT_EQ(message.size(), FrameLayout::of_plain(size).stored_bytes());
    }
  }
}

TEST(Envelope, opens_messages_of_any_frame_length) {
  LocalKeyFile keys = new_key();
  testing::Dice dice;
  SCOPED_TRACE(dice.told());
  for (uint64_t round = 0; round < testing::rounds(200); ++round) {
    const auto frame = static_cast<uint32_t>(dice.between(1, dice.one_in(2) ? 40 : 3000));
    const Bytes plain = dice.noise(dice.one_in(3) ? frame * dice.below(6) : dice.below(4000));
    const Bytes message = foreign_message(keys.generate(data_context(), {}), data_context(), plain,
                                          frame, dice.one_in(2));
    EXPECT_EQ(open(message, keys, data_context(), {}), plain) << frame;
    EXPECT_EQ(find_label(*parse_message_header(message)), std::nullopt);
  }
}

template <typename Check>
void with_small_messages(const Check& check) {
  LocalKeyFile keys = new_key();
  const Bytes plain = testing::Dice(7).noise(35);
  check(keys, plain, sealed_by(keys, plain));
  check(keys, plain, foreign_message(keys.generate(data_context(), {}), data_context(), plain, 8));
}

TEST(Envelope, refuses_every_flipped_byte) {
  with_small_messages([](LocalKeyFile& keys, const Bytes& plain, Bytes message) {
    EXPECT_EQ(open(message, keys, {}, {}), plain);
    const size_t header_bytes = parse_message_header(message)->stored_bytes();
    for (size_t at = 0; at < message.size(); ++at) {
      message[at] ^= std::byte{0x01};
      const base::Error failure = testing::error_of([&] { open(message, keys, {}, {}); });
      // Damage; in the header it may also look like a format or a recipient that is not ours.
      EXPECT_TRUE(failure.kind() == base::ErrorKind::corrupt ||
                  (at < header_bytes && (failure.kind() == base::ErrorKind::invalid ||
                                         failure.kind() == base::ErrorKind::denied)))
          << at << ": " << failure.message();
      message[at] ^= std::byte{0x01};
    }
  });
}

TEST(Envelope, refuses_every_truncation_and_any_tail) {
  with_small_messages([](LocalKeyFile& keys, const Bytes&, const Bytes& message) {
    for (size_t size = 0; size < message.size(); ++size)
      EXPECT_ERROR(corrupt, open(ByteView(message).first(size), keys, {}, {})) << size;
    for (const size_t more : {1, 16, 40}) {
      Bytes longer = message;
      longer.resize(message.size() + more);
      EXPECT_ERROR(corrupt, open(longer, keys, {}, {})) << more;
    }
    Bytes twice = message;
    base::append(twice, ByteView(message));
    EXPECT_ERROR(corrupt, open(twice, keys, {}, {}));
  });
}

TEST(Envelope, refuses_frames_that_are_not_in_their_place) {
  LocalKeyFile keys = new_key();
  const Bytes plain = testing::Dice(8).noise(40);
  const DataKey key = keys.generate(data_context(), {});
  const Bytes message = foreign_message(key, data_context(), plain, 8);
  const size_t head = parse_message_header(message)->stored_bytes();
  constexpr size_t each = 8 + frame_overhead;
  const auto frame = [&](size_t n) { return message.begin() + static_cast<long>(head + n * each); };

  Bytes swapped = message;
  std::swap_ranges(swapped.begin() + static_cast<long>(head),
                   swapped.begin() + static_cast<long>(head + each),
                   swapped.begin() + static_cast<long>(head + each));
  EXPECT_ERROR(corrupt, open(swapped, keys, {}, {}));
  Bytes without = message;
  without.erase(without.begin() + static_cast<long>(head),
                without.begin() + static_cast<long>(head + each));
  EXPECT_ERROR(corrupt, open(without, keys, {}, {}));
  Bytes doubled = message;
  doubled.insert(doubled.begin() + static_cast<long>(head), frame(0), frame(1));
  EXPECT_ERROR(corrupt, open(doubled, keys, {}, {}));
  // A frame of another message under the same data key.
  const Bytes other = foreign_message(key, data_context(), plain, 8);
  Bytes mixed = message;
  std::copy_n(other.begin() + static_cast<long>(head), each,
              mixed.begin() + static_cast<long>(head));
  EXPECT_ERROR(corrupt, open(mixed, keys, {}, {}));
}

TEST(Envelope, refuses_a_context_that_is_not_the_expected_one) {
  LocalKeyFile keys = new_key();
  const Bytes message = sealed_by(keys, {});
  EncryptionContext other = data_context();
  other["class"] = "meta";
  const base::Error failure = testing::error_of([&] { open(message, keys, other, {}); });
  EXPECT_EQ(failure.kind(), base::ErrorKind::corrupt);
  EXPECT_EQ(failure.message(), "the message was sealed for class 'data', not 'meta'");
  EXPECT_ERROR(corrupt, open(message, keys, {{"absent", ""}}, {}));
}

TEST(Envelope, says_whose_key_is_missing) {
  LocalKeyFile ours = new_key();
  LocalKeyFile other = new_key();
  const Bytes message = sealed_by(other, {});
  const base::Error failure = testing::error_of([&] { open(message, ours, {}, {}); });
  EXPECT_EQ(failure.kind(), base::ErrorKind::denied);
  EXPECT_EQ(failure.message(), "the message was sealed for seawall-key-file " + other.id() +
                                   ", and we have key file " + ours.id());
}

TEST(Sealer, refuses_what_has_no_room_and_what_is_not_ours_to_say) {
  LocalKeyFile keys = new_key();
  const auto begin = [&](DataKey key, const EncryptionContext& context) {
    Sealer(key, context, [](ByteView) {});
  };
  DataKey large = keys.generate({}, {});
  large.wrapped.push_back({.provider = "aws-kms", .info = Bytes(80), .ciphertext = Bytes(1900)});
  EXPECT_ERROR(invalid, begin(large.clone(), {}));
  DataKey many = keys.generate({}, {});
  many.wrapped.resize(encrypted_data_keys_max);
  EXPECT_ERROR(invalid, begin(many.clone(), {}));
  EXPECT_ERROR(invalid, begin(keys.generate({}, {}), {{"aws-crypto-public-key", "x"}}));
  EXPECT_ERROR(invalid, begin(keys.generate({}, {}), {{"", "x"}}));
  EXPECT_ERROR(invalid, begin(keys.generate({}, {}), {{"x", std::string(66'000, 'x')}}));
}

// One IV must never serve twice: these are mistakes of ours, so the program ends.
TEST(FrameSealerDeathTest, never_seals_twice_with_one_iv) {
  const std::array<std::byte, 32> key{};
  Bytes room(100);
  EXPECT_DEATH(
      {
        FrameSealer sealer(key, {});
        sealer.seal_header({});
        sealer.seal_header({});
      },
      "header_sealed_");
  EXPECT_DEATH(
      {
        FrameSealer sealer(key, {});
        sealer.seal_frame({}, true, room);
        sealer.seal_frame({}, true, room);
      },
      "ended_");
}

}  // namespace
}  // namespace crypto
