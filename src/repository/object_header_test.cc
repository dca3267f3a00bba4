#include "repository/object_header.h"

#include "testing/dice.h"
#include "testing/errors.h"

namespace repository {
namespace {

ObjectHeader any_header(testing::Dice& dice) {
  ObjectHeader header{.kind = ObjectKind::wal};
  const auto fill = [&](auto& bytes) {
    std::ranges::copy(dice.noise(bytes.size()), bytes.begin());
  };
  fill(header.repository);
  header.epoch = static_cast<uint32_t>(dice.below(UINT32_MAX));
  fill(header.content.bytes);
  header.content_bytes = dice.below(UINT64_MAX);
  fill(header.stored.bytes);
  fill(header.nonce);
  fill(header.by_kind);
  return header;
}

TEST(ObjectHeader, is_read_as_it_was_written) {
  testing::Dice dice;
  const crypto::HashKey key = crypto::HashKey::random();
  for (const ObjectKind kind : {ObjectKind::wal, ObjectKind::pack, ObjectKind::shard}) {
    ObjectHeader header = any_header(dice);
    header.kind = kind;
    const base::Bytes bytes = header.serialise(key);
    ASSERT_EQ(bytes.size(), header_bytes);
    const ObjectHeader read = parse_header(bytes, kind, header.repository, key);
    EXPECT_EQ(read.kind, header.kind);
    EXPECT_EQ(read.repository, header.repository);
    EXPECT_EQ(read.epoch, header.epoch);
    EXPECT_EQ(read.content, header.content);
    EXPECT_EQ(read.content_bytes, header.content_bytes);
    EXPECT_EQ(read.stored, header.stored);
    EXPECT_EQ(read.nonce, header.nonce);
    EXPECT_EQ(read.by_kind, header.by_kind);
  }
}

// The table of docs/formats/repository.md.
TEST(ObjectHeader, is_laid_out_as_the_format_says) {
  testing::Dice dice;
  const crypto::HashKey key = crypto::HashKey::random();
  const ObjectHeader header = any_header(dice);
  const base::Bytes bytes = header.serialise(key);
  const base::ByteView view(bytes);
  EXPECT_EQ(base::to_hex(view.first(24)), "5e2a4d188800000073656177616c6c0057414c5301000000");
  EXPECT_TRUE(std::ranges::equal(view.subspan(24, 16), header.repository));
  EXPECT_EQ(base::load<uint32_t>(bytes.data() + 40), header.epoch);
  EXPECT_EQ(base::load<uint32_t>(bytes.data() + 44), 0u);
  EXPECT_TRUE(std::ranges::equal(view.subspan(48, 16), header.content.bytes));
  EXPECT_EQ(base::load<uint64_t>(bytes.data() + 64), header.content_bytes);
  EXPECT_TRUE(std::ranges::equal(view.subspan(72, 16), header.stored.bytes));
  EXPECT_TRUE(std::ranges::equal(view.subspan(88, 16), header.nonce));
  EXPECT_TRUE(std::ranges::equal(view.subspan(104, 32), header.by_kind));
  EXPECT_TRUE(std::ranges::equal(view.subspan(136),
                                 base::ByteView(key.digest(view.subspan(8, 128)).bytes).first(8)));
}

TEST(ObjectHeader, is_refused_whichever_bit_is_flipped_and_however_it_is_cut) {
  testing::Dice dice;
  const crypto::HashKey key = crypto::HashKey::random();
  const ObjectHeader header = any_header(dice);
  base::Bytes bytes = header.serialise(key);
  for (uint64_t bit = 0; bit < bytes.size() * 8; ++bit) {
    testing::Dice::flip_bit(bytes, bit);
    const base::Error failure =
        testing::error_of([&] { parse_header(bytes, ObjectKind::wal, header.repository, key); });
    // A higher version may as well be a newer seawall's, whose check nobody knows here.
    const bool version = bit / 8 >= 20 && bit / 8 < 24 && bit != 160;
    EXPECT_EQ(failure.kind(), version ? base::ErrorKind::invalid : base::ErrorKind::corrupt) << bit;
    testing::Dice::flip_bit(bytes, bit);
  }
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_ERROR(corrupt, parse_header(base::ByteView(bytes).first(size), ObjectKind::wal,
                                       header.repository, key));
  }
}

TEST(ObjectHeader, is_refused_of_another_kind_repository_or_key) {
  testing::Dice dice;
  const crypto::HashKey key = crypto::HashKey::random();
  const ObjectHeader header = any_header(dice);
  const base::Bytes bytes = header.serialise(key);
  const auto message = [&](ObjectKind kind, const RepositoryId& id, const crypto::HashKey& with) {
    return testing::error_of([&] { parse_header(bytes, kind, id, with); }).message();
  };
  EXPECT_EQ(message(ObjectKind::pack, header.repository, key),
            "the object is of another kind than its name says");
  EXPECT_EQ(message(ObjectKind::wal, RepositoryId{}, key),
            "the object belongs to another repository");
  EXPECT_EQ(message(ObjectKind::wal, header.repository, crypto::HashKey::random()),
            "the object's header is damaged");
}

TEST(ObjectHeader, says_so_when_a_newer_seawall_wrote_it) {
  testing::Dice dice;
  const crypto::HashKey key = crypto::HashKey::random();
  const ObjectHeader header = any_header(dice);
  base::Bytes bytes = header.serialise(key);
  base::store<uint32_t>(bytes.data() + 20, 2);
  std::ranges::copy(
      base::ByteView(key.digest(base::ByteView(bytes).subspan(8, 128)).bytes).first(8),
      bytes.begin() + 136);
  const base::Error failure =
      testing::error_of([&] { parse_header(bytes, ObjectKind::wal, header.repository, key); });
  EXPECT_EQ(failure.kind(), base::ErrorKind::invalid);
  EXPECT_EQ(failure.message(), "the object is of format 2, written by a newer seawall");
}

}  // namespace
}  // namespace repository
