#include "repository/shard.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "testing/dice.h"
#include "testing/errors.h"
#include "testing/sample_repository.h"

namespace repository {
namespace {

// The parts of a shard, as capture gives them.
struct Parts {
  std::vector<ShardFile> files;
  std::vector<crypto::Digest> digests;
  std::vector<BlockPlace> places;
  std::vector<FrameAddress> frames;
  base::Bytes serialise() const { return serialise_shard(files, digests, places, frames); }
};

constexpr uint32_t frame_blocks = 20;

PackId pack_number(uint64_t number) {
  PackId id;
  base::store<uint64_t>(id.bytes.data(), number);
  return id;
}

Parts any_parts(testing::Dice& dice) {
  Parts parts;
  for (uint64_t i = dice.below(8); i > 0; --i) {
    parts.frames.push_back({pack_number(dice.below(3)), 144 + dice.below(1 << 20),
                            static_cast<uint32_t>(dice.between(1, 1 << 20)),
                            frame_blocks * block_bytes});
  }
  std::set<std::string> paths;
  for (uint64_t i = dice.below(12); i > 0; --i)
    paths.insert("base/" + std::string(dice.below(3), '1') + std::to_string(dice.below(500)));
  for (const std::string& path : paths) {
    ShardFile file{.path = path, .first_block = parts.digests.size()};
    if (dice.one_in(6)) {
      file.kind = FileKind::link;
      file.link_target = std::string(dice.below(20), 't');
    } else if (dice.one_in(6)) {
      file.kind = FileKind::folder;
    } else {
      file.size = dice.one_in(4) ? 0 : dice.below(60 * block_bytes);
    }
    file.mode = static_cast<uint32_t>(dice.below(01000));
    for (uint64_t block = 0; block < blocks_of(file.size); ++block) {
      crypto::Digest digest;
      std::ranges::copy(dice.noise(16), digest.bytes.begin());
      parts.digests.push_back(digest);
      // Runs of neighbours, as frames are filled, with holes and jumps in between.
      BlockPlace place;
      if (!parts.frames.empty() && !dice.one_in(5)) {
        const BlockPlace* last = block > 0 ? &parts.places.back() : nullptr;
        if (last != nullptr && last->frame != zero_frame && !dice.one_in(4) &&
            last->offset + 2 * block_bytes <= frame_blocks * block_bytes) {
          place = {last->frame, last->offset + static_cast<uint32_t>(block_bytes)};
        } else {
          place = {static_cast<uint32_t>(dice.below(parts.frames.size())),
                   static_cast<uint32_t>(dice.below(frame_blocks) * block_bytes)};
        }
      }
      parts.places.push_back(place);
    }
    parts.files.push_back(std::move(file));
  }
  return parts;
}

TEST(Shard, tells_of_every_block_what_it_was_told) {
  testing::Dice dice;
  SCOPED_TRACE(dice.told());
  for (uint64_t round = 0; round < testing::rounds(300); ++round) {
    const Parts parts = any_parts(dice);
    const Shard shard = Shard::parse(parts.serialise());
    ASSERT_EQ(shard.file_count(), parts.files.size());
    for (size_t i = 0; i < parts.files.size(); ++i) {
      const ShardFile& file = parts.files[i];
      const FileRow* row = shard.find(file.path);
      ASSERT_EQ(row, &shard.file(static_cast<uint32_t>(i)));
      EXPECT_EQ(shard.name(*row), file.path);
      EXPECT_EQ(shard.link_target(*row), file.link_target);
      EXPECT_EQ(row->kind, file.kind);
      EXPECT_EQ(row->mode, file.mode);
      EXPECT_EQ(row->size, file.size);
      for (uint32_t block = 0; block < blocks_of(file.size); ++block) {
        const BlockPlace& place = parts.places[file.first_block + block];
        EXPECT_EQ(shard.digests(*row)[block], parts.digests[file.first_block + block]);
        const ExtentRow& extent = shard.extent_of(*row, block);
        ASSERT_LE(extent.block, block);
        ASSERT_LT(block, extent.block + extent.blocks);
        if (place.frame == zero_frame) {
          EXPECT_EQ(extent.frame, zero_frame);
        } else {
          EXPECT_EQ(address_of(shard, extent.frame), parts.frames[place.frame]);
          EXPECT_EQ(extent.offset + (block - extent.block) * block_bytes, place.offset);
        }
      }
    }
    for (const FrameRow& frame : shard.frames()) EXPECT_LT(frame.pack, shard.packs().size());
    EXPECT_EQ(shard.find("zzz"), nullptr);
    EXPECT_EQ(shard.find(""), nullptr);
    EXPECT_TRUE(parts.serialise() == base::Bytes(shard.content().begin(), shard.content().end()));
  }
}

TEST(Shard, names_a_row_of_blocks_in_one_extent_and_only_frames_that_are_used) {
  Parts parts;
  parts.frames = {{pack_number(1), 200, 10, 100 * block_bytes},
                  {pack_number(2), 300, 10, 100 * block_bytes},
                  {pack_number(3), 400, 10, 100 * block_bytes}};
  parts.files.push_back({.path = "base/1/2", .size = 70 * block_bytes - 5});
  parts.digests.resize(70);
  for (uint32_t i = 0; i < 70; ++i)
    parts.places.push_back(i < 30 ? BlockPlace{2, i * 8192u} : BlockPlace{});
  const Shard shard = Shard::parse(parts.serialise());
  const std::span<const ExtentRow> extents = shard.extents(shard.file(0));
  ASSERT_EQ(extents.size(), 2u);
  EXPECT_EQ(extents[0].blocks, 30u);
  EXPECT_EQ(extents[1].frame, zero_frame);
  EXPECT_EQ(extents[1].blocks, 40u);
  ASSERT_EQ(shard.packs().size(), 1u);
  EXPECT_EQ(shard.packs()[0], pack_number(3));
}

// Where the frames stand in the list must not show: two readers find them in any order.
TEST(Shard, is_the_same_bytes_whatever_the_order_of_the_frames_given) {
  testing::Dice dice;
  SCOPED_TRACE(dice.told());
  for (uint64_t round = 0; round < testing::rounds(100); ++round) {
    const Parts parts = any_parts(dice);
    Parts turned = parts;
    std::ranges::reverse(turned.frames);
    for (BlockPlace& place : turned.places) {
      if (place.frame != zero_frame)
        place.frame = static_cast<uint32_t>(parts.frames.size() - 1 - place.frame);
    }
    EXPECT_TRUE(parts.serialise() == turned.serialise());
  }
}

// Uses every number of a shard that was let through.
uint64_t walk(const Shard& shard) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < shard.file_count(); ++i) {
    const FileRow& file = shard.file(i);
    sum += shard.name(file).size() + shard.link_target(file).size();
    const uint64_t blocks = blocks_of(file.size);
    EXPECT_EQ(shard.digests(file).size(), blocks);
    EXPECT_LE(file.size, blocks * block_bytes);
    uint64_t covered = 0;
    for (const ExtentRow& extent : shard.extents(file)) {
      if (extent.frame != zero_frame) {
        sum += address_of(shard, extent.frame).raw_bytes;
        EXPECT_LE(extent.offset + (extent.blocks - 1) * block_bytes +
                      bytes_of_block(file.size, extent.block + extent.blocks - 1),
                  shard.frames()[extent.frame].raw_bytes);
      }
      covered += extent.blocks;
    }
    EXPECT_EQ(covered, blocks);
    if (blocks > 0) sum += shard.extent_of(file, static_cast<uint32_t>(blocks - 1)).blocks;
    EXPECT_EQ(shard.find(shard.name(file)), &file);
  }
  return sum;
}

void parse_or_corrupt(base::Bytes content) {
  try {
    walk(Shard::parse(std::move(content)));
  } catch (const base::Error& failure) {
    EXPECT_EQ(failure.kind(), base::ErrorKind::corrupt) << failure.message();
  }
}

TEST(Shard, is_refused_or_sound_however_its_bytes_are_damaged) {
  testing::Dice dice;
  SCOPED_TRACE(dice.told());
  for (uint64_t round = 0; round < testing::rounds(3000); ++round) {
    base::Bytes content = any_parts(dice).serialise();
    for (uint64_t times = dice.between(1, 4); times > 0; --times) {
      switch (dice.below(4)) {
        case 0:
          dice.flip_bit(content);
          break;
        case 1:  // a number of the tables becomes an extreme one
          if (content.size() >= 8) {
            const size_t at = dice.below(content.size() / 8) * 8;
            const uint64_t extremes[] = {
                0, 1, UINT32_MAX, UINT64_MAX, uint64_t{1} << 63, UINT64_MAX - block_bytes + 2};
            base::store<uint64_t>(content.data() + at, extremes[dice.below(6)]);
          }
          break;
        case 2:
          content.resize(dice.below(content.size() + 100));
          break;
        default: {
          if (content.empty()) break;
          const base::Bytes noise = dice.noise(dice.between(1, 16));
          const size_t at = dice.below(content.size());
          std::copy_n(noise.begin(), std::min(noise.size(), content.size() - at),
                      content.begin() + static_cast<ptrdiff_t>(at));
        }
      }
      if (content.empty()) break;
    }
    parse_or_corrupt(std::move(content));
  }
}

RC_GTEST_PROP(Shard, is_refused_or_sound_whatever_the_bytes, ()) {
  const auto raw = *rc::gen::arbitrary<std::vector<uint8_t>>();
  base::Bytes content(raw.size());
  std::ranges::transform(raw, content.begin(), [](uint8_t byte) { return std::byte{byte}; });
  parse_or_corrupt(std::move(content));
}

TEST(Shard, has_no_file_too_large_to_have_blocks) {
  Parts parts;
  parts.files.push_back({.path = "a", .size = 0});
  base::Bytes content = parts.serialise();
  // Of such a size that its blocks, counted in 64 bits, are none.
  base::store<uint64_t>(content.data() + sizeof(ShardCounts), UINT64_MAX);
  EXPECT_ERROR(corrupt, Shard::parse(content));
}

TEST(ShardObject, is_read_as_it_was_written_and_refused_whichever_bit_is_flipped) {
  testing::Dice dice;
  SCOPED_TRACE(dice.told());
  testing::SampleRepository sample;
  Parts parts = any_parts(dice);
  while (parts.files.size() < 3) parts = any_parts(dice);
  const base::Bytes content = parts.serialise();
  base::Bytes object = wrap_shard(sample.repository, sample.epoch.number, content);
  EXPECT_TRUE(unwrap_shard(sample.repository, object) == content);
  for (uint64_t bit = 0; bit < object.size() * 8; bit += bit < header_bytes * 8 ? 1 : 7) {
    testing::Dice::flip_bit(object, bit);
    const base::Error failure = testing::error_of([&] { unwrap_shard(sample.repository, object); });
    EXPECT_TRUE(failure.kind() == base::ErrorKind::corrupt ||
                (failure.kind() == base::ErrorKind::invalid && bit / 8 >= 20 && bit / 8 < 24))
        << bit;
    testing::Dice::flip_bit(object, bit);
  }
  for (size_t size = 0; size < object.size(); size += 11)
    EXPECT_ERROR(corrupt, unwrap_shard(sample.repository, base::ByteView(object).first(size)));
}

}  // namespace
}  // namespace repository
