#include "repository/pack.h"

#include <gmock/gmock.h>

#include "testing/dice.h"
#include "testing/errors.h"
#include "testing/sample_repository.h"

namespace repository {
namespace {

using testing::SampleRepository;

struct Written {
  FrameAddress address;
  base::Bytes raw;
  std::vector<FrameContent> content;
};

struct Packs {
  std::vector<Written> frames;
  std::vector<PackSummary> committed;
};

Packs write_packs(const SampleRepository& sample, testing::Dice& dice, int count,
                  uint64_t pack_bytes, size_t raw_max) {
  Packs packs;
  PackWriter writer(sample.repository, sample.epoch.number, pack_bytes, 2,
                    [&](const PackSummary& pack) { packs.committed.push_back(pack); }, {});
  for (int i = 0; i < count; ++i) {
    const size_t size = dice.between(1, raw_max);
    Written frame{{}, dice.one_in(2) ? dice.noise(size) : dice.compressible(size), {}};
    for (uint64_t part = dice.below(4); part > 0; --part) {
      frame.content.push_back(
          {"base/5/" + std::to_string(dice.below(99999)), static_cast<uint32_t>(dice.below(1000)),
           static_cast<uint32_t>(dice.between(1, 9)), static_cast<uint32_t>(dice.below(size))});
    }
    frame.address = writer.add(frame.raw, frame.content);
    packs.frames.push_back(std::move(frame));
  }
  writer.commit();
  return packs;
}

TEST(Pack, gives_back_every_frame_and_tells_what_is_in_it) {
  testing::Dice dice;
  SCOPED_TRACE(dice.told());
  SampleRepository sample;
  const Packs packs = write_packs(sample, dice, 60, 400'000, 100'000);
  ASSERT_GT(packs.committed.size(), 2u) << "a pack that is full is committed";
  FrameReader reader(sample.repository, sample.epoch.number);
  base::Bytes raw;
  for (const Written& frame : packs.frames) {
    reader.read(frame.address, raw, {});
    EXPECT_TRUE(raw == frame.raw);
  }
  size_t at = 0;
  for (const PackSummary& pack : packs.committed) {
    EXPECT_EQ(sample.store.body(pack_key(sample.epoch.number, pack.id).text()).size(), pack.bytes);
    const PackIndex index = read_pack_index(sample.repository, sample.epoch.number, pack.id, {});
    uint64_t raw_bytes = 0;
    size_t extent = 0;
    for (uint32_t i = 0; i < index.frames.size(); ++i, ++at) {
      EXPECT_EQ(index.frames[i].address, packs.frames[at].address);
      raw_bytes += packs.frames[at].raw.size();
      for (const FrameContent& content : packs.frames[at].content) {
        ASSERT_LT(extent, index.extents.size());
        EXPECT_EQ(index.extents[extent].frame, i);
        EXPECT_EQ(index.extents[extent].content.path, content.path);
        EXPECT_EQ(index.extents[extent].content.first_block, content.first_block);
        EXPECT_EQ(index.extents[extent].content.blocks, content.blocks);
        EXPECT_EQ(index.extents[extent].content.offset, content.offset);
        ++extent;
      }
    }
    EXPECT_EQ(extent, index.extents.size());
    EXPECT_EQ(raw_bytes, pack.raw_bytes);
  }
  EXPECT_EQ(at, packs.frames.size());
}

// docs/formats/snapshot.md: zstd -dc prints the blocks and skips what only seawall needs.
TEST(Pack, is_a_row_of_plain_zstd_frames) {
  testing::Dice dice;
  SampleRepository sample;
  const Packs packs = write_packs(sample, dice, 5, base::MiB * 64, 10'000);
  base::Bytes all;
  for (const Written& frame : packs.frames) base::append(all, frame.raw);
  const base::Bytes object =
      sample.store.body(pack_key(sample.epoch.number, packs.committed.at(0).id).text());
  EXPECT_TRUE(base::Decompressor().decompress(object, all.size()) == all);
}

TEST(Pack, leaves_nothing_when_it_is_abandoned_or_empty) {
  SampleRepository sample;
  const size_t before = sample.store.keys().size();
  {
    PackWriter writer(sample.repository, sample.epoch.number, base::MiB, 2,
                      [](const PackSummary&) { FAIL(); }, {});
    writer.commit();
    writer.add(base::Bytes(100), {});
  }
  EXPECT_EQ(sample.store.keys().size(), before);
}

TEST(Pack, takes_a_frame_larger_than_most) {
  SampleRepository sample;
  const base::Bytes raw = testing::Dice(1).noise(3 * base::MiB);
  std::optional<PackSummary> summary;
  PackWriter writer(sample.repository, sample.epoch.number, base::MiB, 2,
                    [&](const PackSummary& pack) { summary = pack; }, {});
  const FrameAddress address = writer.add(raw, {});
  ASSERT_TRUE(summary);
  base::Bytes read;
  FrameReader(sample.repository, sample.epoch.number).read(address, read, {});
  EXPECT_TRUE(read == raw);
}

// Every bit of a small pack: its index is refused, or the frame it is in does not match the digest
// that the index tells.
TEST(Pack, hides_no_flipped_bit_and_no_cut) {
  testing::Dice dice;
  SCOPED_TRACE(dice.told());
  SampleRepository sample;
  const Packs packs = write_packs(sample, dice, 3, base::MiB, 100);
  const PackId id = packs.committed.at(0).id;
  const std::string key = pack_key(sample.epoch.number, id).text();
  const base::Bytes good = sample.store.body(key);
  const PackIndex index = read_pack_index(sample.repository, sample.epoch.number, id, {});
  for (uint64_t bit = 0; bit < good.size() * 8; ++bit) {
    base::Bytes damaged = good;
    testing::Dice::flip_bit(damaged, bit);
    sample.store.replace(key, damaged);
    bool found = false;
    try {
      read_pack_index(sample.repository, sample.epoch.number, id, {});
      for (const PackIndex::Frame& frame : index.frames) {
        found |= sample.repository.hash_key().digest(base::ByteView(damaged).subspan(
                     frame.address.offset, frame.address.stored_bytes)) != frame.digest;
      }
    } catch (const base::Error& failure) {
      found = failure.kind() == base::ErrorKind::corrupt ||
              (failure.kind() == base::ErrorKind::invalid && bit / 8 >= 20 && bit / 8 < 24);
      EXPECT_THAT(failure.message(), ::testing::HasSubstr(key));
    }
    EXPECT_TRUE(found) << "bit " << bit << " of " << good.size() * 8;
  }
  for (size_t size = 0; size < good.size(); ++size) {
    sample.store.replace(key, {good.begin(), good.begin() + static_cast<ptrdiff_t>(size)});
    EXPECT_ERROR(corrupt, read_pack_index(sample.repository, sample.epoch.number, id, {})) << size;
  }
  base::Bytes longer = good;
  longer.push_back(std::byte{0});
  sample.store.replace(key, longer);
  EXPECT_ERROR(corrupt, read_pack_index(sample.repository, sample.epoch.number, id, {}));
}

TEST(Pack, is_not_taken_for_another) {
  testing::Dice dice;
  SampleRepository sample;
  const Packs packs = write_packs(sample, dice, 3, base::MiB, 100);
  const PackId other = new_pack_id(base::Instant{});
  sample.store.replace(
      pack_key(sample.epoch.number, other).text(),
      sample.store.body(pack_key(sample.epoch.number, packs.committed[0].id).text()));
  EXPECT_ERROR(corrupt, read_pack_index(sample.repository, sample.epoch.number, other, {}));
  EXPECT_ERROR(absent, read_pack_index(sample.repository, sample.epoch.number,
                                       new_pack_id(base::Instant{}), {}));
}

// As a snapshot of two threads has written them, and a file is read whose pieces both took.
TEST(FrameReader, fetches_once_what_lies_in_several_packs_in_turn) {
  testing::Dice dice;
  SampleRepository sample;
  std::vector<FrameAddress> frames;
  const Packs one = write_packs(sample, dice, 24, base::MiB, 1000);
  const Packs other = write_packs(sample, dice, 24, base::MiB, 1000);
  for (size_t i = 0; i < 24; ++i) {
    frames.push_back(one.frames.at(i).address);
    frames.push_back(other.frames.at(i).address);
  }
  FrameReader reader(sample.repository, sample.epoch.number);
  reader.expect(frames);
  const uint64_t before = sample.faulty.calls();
  base::Bytes raw;
  for (const FrameAddress& frame : frames) reader.read(frame, raw, {});
  EXPECT_LE(sample.faulty.calls() - before, 4u);
}

TEST(FrameReader, refuses_a_frame_that_is_not_there_or_not_that_long) {
  testing::Dice dice;
  SampleRepository sample;
  const Packs packs = write_packs(sample, dice, 1, base::MiB, 1000);
  FrameReader reader(sample.repository, sample.epoch.number);
  base::Bytes raw;
  FrameAddress address = packs.frames[0].address;
  ++address.raw_bytes;
  EXPECT_ERROR(corrupt, reader.read(address, raw, {}));
  address.raw_bytes -= 2;
  EXPECT_ERROR(corrupt, reader.read(address, raw, {}));
  address = packs.frames[0].address;
  address.stored_bytes += 100'000;
  EXPECT_ERROR(corrupt, reader.read(address, raw, {}));
  address.pack = new_pack_id(base::Instant{});
  EXPECT_ERROR(absent, reader.read(address, raw, {}));
}

}  // namespace
}  // namespace repository
