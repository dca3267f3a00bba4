#include "repository/wal_archive.h"

#include <fcntl.h>
#include <gmock/gmock.h>

#include "postgres/page.h"
#include "testing/dice.h"
#include "testing/errors.h"
#include "testing/sample_repository.h"
#include "testing/wal_builder.h"

namespace repository {
namespace {

using base::Bytes;
using base::ByteView;
using postgres::WalFileName;
using postgres::WalSegment;
using storage::PutOutcome;
using testing::SampleRepository;
using testing::WalBuilder;

constexpr uint64_t size = base::MiB;
const WalSegment first{{1}, 1};
constexpr const char* first_key = "wal/0001/00000001/00000000/000000010000000000000001.zst";

class WalArchiveTest : public ::testing::Test {
 protected:
  WalArchiveTest() {
    for (WalBuilder* builder : {&wal_, &other_}) {
      while (builder->position().value < 4 * size)
        builder->add(10, 0, dice_.compressible(dice_.below(5000)));
    }
  }

  static WalFileName name_of(const std::string& text) {
    return *postgres::parse_wal_file_name(text);
  }
  PutOutcome put(const std::string& name, ByteView body) {
    return archive_.put(name_of(name), file(body), {});
  }
  base::File file(ByteView body) {
    const base::Path path = folder_.path() / "file";
    base::File out = base::File::open(path, O_CREAT | O_TRUNC | O_RDWR);
    out.write_all(body);
    return out;
  }
  std::optional<Bytes> fetch(const std::string& name,
                             WalArchive::Partial partial = WalArchive::Partial::refuse) {
    Bytes bytes;
    const bool found = archive_.fetch(name_of(name), partial,
                                      [&](ByteView piece) { base::append(bytes, piece); }, {});
    return found ? std::optional(std::move(bytes)) : std::nullopt;
  }
  PutOutcome put_chunk(uint64_t begin, uint64_t end, const WalSegment& segment = first) {
    return archive_.put_chunk(
        segment, begin, ByteView(*wal_.segment(segment.number)).subspan(begin, end - begin), {});
  }

  testing::Dice dice_;
  base::TemporaryFolder folder_;
  SampleRepository sample_;
  WalArchive archive_{sample_.repository, sample_.epoch};
  WalBuilder wal_;
  WalBuilder other_;  // another content under the same names
};

TEST_F(WalArchiveTest, gives_back_a_segment_byte_for_byte) {
  const Bytes segment = *wal_.segment(1);
  EXPECT_FALSE(archive_.has(name_of(first.name(size)), {}));
  EXPECT_FALSE(fetch(first.name(size)));
  EXPECT_EQ(put(first.name(size), segment), PutOutcome::stored);
  EXPECT_TRUE(archive_.has(name_of(first.name(size)), {}));
  EXPECT_TRUE(fetch(first.name(size)) == segment);
  EXPECT_TRUE(archive_.fetch_segment(first, WalArchive::Partial::refuse, {}) == segment);
  EXPECT_LT(sample_.store.body(first_key).size(), size);
}

TEST_F(WalArchiveTest, keeps_large_segments_in_pieces) {
  SampleRepository sample(64 * base::MiB);
  const WalArchive archive(sample.repository, sample.epoch);
  WalBuilder wal({.segment_bytes = 64 * base::MiB});
  wal.add(10, 0, dice_.compressible(11'000'000));
  const WalFileName name = name_of("000000010000000000000001");
  EXPECT_EQ(archive.put(name, file(*wal.segment(1)), {}), PutOutcome::stored);
  EXPECT_TRUE(archive.fetch_segment(first, WalArchive::Partial::refuse, {}) == wal.segment(1));
}

TEST_F(WalArchiveTest, takes_the_same_bytes_again_and_refuses_others) {
  EXPECT_EQ(put(first.name(size), *wal_.segment(1)), PutOutcome::stored);
  EXPECT_EQ(put(first.name(size), *wal_.segment(1)), PutOutcome::already_there);
  EXPECT_ERROR(conflict, put(first.name(size), *other_.segment(1)));
  EXPECT_TRUE(fetch(first.name(size)) == wal_.segment(1));
}

TEST_F(WalArchiveTest, stores_what_is_not_a_segment_as_it_is) {
  const std::string history = "1\t0/100000\tno recovery target specified\n";
  EXPECT_EQ(put("00000002.history", base::as_bytes(history)), PutOutcome::stored);
  EXPECT_EQ(put("00000002.history", base::as_bytes(history)), PutOutcome::already_there);
  EXPECT_ERROR(conflict, put("00000002.history", base::as_bytes("1\t0/200000\tother\n")));
  EXPECT_TRUE(fetch("00000002.history") == base::to_bytes(history));
  EXPECT_EQ(archive_.history({2}, {}).legs().size(), 2u);
  EXPECT_EQ(archive_.history({3}, {}).legs().size(), 1u);

  const std::string backup = "000000010000000000000001.00000028.backup";
  EXPECT_EQ(put(backup, base::as_bytes("START WAL LOCATION: ...\n")), PutOutcome::stored);
  EXPECT_EQ(put(backup, base::as_bytes("START WAL LOCATION: ...\n")), PutOutcome::already_there);
  EXPECT_TRUE(fetch(backup));
  EXPECT_EQ(put("00000003.history", {}), PutOutcome::stored);
  EXPECT_TRUE(fetch("00000003.history") == Bytes{});
  EXPECT_ERROR(corrupt, put("00000004.history", Bytes(4 * base::MiB + 1)));
}

TEST_F(WalArchiveTest, gives_no_partial_segment_for_a_whole_one) {
  const std::string partial = first.name(size) + ".partial";
  EXPECT_EQ(put(partial, *wal_.segment(1)), PutOutcome::stored);
  EXPECT_FALSE(fetch(first.name(size)));
  EXPECT_FALSE(fetch(first.name(size), WalArchive::Partial::zero_fill));
  EXPECT_FALSE(archive_.has(name_of(first.name(size)), {}));
  EXPECT_TRUE(fetch(partial) == wal_.segment(1));
  EXPECT_TRUE(archive_.holdings({1}, {}).empty());
}

TEST_F(WalArchiveTest, refuses_what_is_not_of_this_cluster_or_not_what_its_name_says) {
  const auto segment_of = [&](const WalBuilder::Options& options) {
    WalBuilder wal(options);
    wal.add(10, 0, Bytes(100));
    return *wal.segment(options.first_segment);
  };
  EXPECT_ERROR(conflict, put(first.name(size), segment_of({.system_identifier = 1})));
  EXPECT_ERROR(conflict, put(first.name(size), segment_of({.segment_bytes = 2 * size})));
  EXPECT_ERROR(conflict, put(first.name(size), *wal_.segment(2)));
  EXPECT_ERROR(conflict, put(first.name(size), segment_of({.timeline = {2}})));
  EXPECT_ERROR(conflict, put(first.name(size) + ".partial", *wal_.segment(2)));
  const Bytes segment = *wal_.segment(1);
  EXPECT_ERROR(corrupt, put(first.name(size), ByteView(segment).first(size - 1)));
  EXPECT_ERROR(corrupt, put(first.name(size), ByteView(segment).first(100)));
  EXPECT_ERROR(corrupt, put(first.name(size), {}));
  Bytes longer = segment;
  longer.resize(size + 1);
  EXPECT_ERROR(corrupt, put(first.name(size), longer));
  EXPECT_ERROR(corrupt, put(first.name(size), Bytes(size)));
  EXPECT_ERROR(invalid, put("000000010000000000001000", segment));
  EXPECT_TRUE(storage::list_all(sample_.store, "wal/", {}).empty());
  // Begun on the parent, and switched to timeline 2 within it: its first page is the parent's.
  EXPECT_EQ(put("000000020000000000000001", segment), PutOutcome::stored);
}

TEST_F(WalArchiveTest, assembles_a_segment_from_its_chunks) {
  const Bytes segment = *wal_.segment(1);
  EXPECT_EQ(put_chunk(0, 5000), PutOutcome::stored);
  EXPECT_EQ(put_chunk(5000, 700'000), PutOutcome::stored);
  EXPECT_EQ(put_chunk(5000, 700'000), PutOutcome::already_there);
  EXPECT_FALSE(fetch(first.name(size))) << "it is not whole yet";
  const std::optional<Bytes> filled = fetch(first.name(size), WalArchive::Partial::zero_fill);
  ASSERT_TRUE(filled);
  ASSERT_EQ(filled->size(), size);
  EXPECT_TRUE(std::equal(segment.begin(), segment.begin() + 700'000, filled->begin()));
  EXPECT_TRUE(postgres::all_zero(ByteView(*filled).subspan(700'000)));
  EXPECT_EQ(archive_.holdings({1}, {})[1].covered_bytes, 700'000u);
  EXPECT_FALSE(archive_.holdings({1}, {})[1].whole);

  EXPECT_EQ(put_chunk(700'000, size), PutOutcome::stored);
  EXPECT_TRUE(fetch(first.name(size)) == segment);
  EXPECT_EQ(archive_.holdings({1}, {})[1].covered_bytes, size);
}

TEST_F(WalArchiveTest, gives_nothing_beyond_a_hole_between_chunks) {
  put_chunk(0, 1000);
  put_chunk(2000, size);
  EXPECT_FALSE(fetch(first.name(size)));
  EXPECT_EQ(archive_.holdings({1}, {})[1].covered_bytes, 1000u);
  const Bytes filled = *fetch(first.name(size), WalArchive::Partial::zero_fill);
  EXPECT_TRUE(postgres::all_zero(ByteView(filled).subspan(1000)))
      << "what is behind a hole is not used";
  SampleRepository sample;
  const WalArchive archive(sample.repository, sample.epoch);
  archive.put_chunk(first, 100, ByteView(*wal_.segment(1)).subspan(100), {});
  EXPECT_FALSE(archive.fetch_segment(first, WalArchive::Partial::zero_fill, {}));
}

TEST_F(WalArchiveTest, refuses_another_content_for_a_chunk) {
  put_chunk(0, 5000);
  EXPECT_ERROR(conflict,
               archive_.put_chunk(first, 0, ByteView(*other_.segment(1)).subspan(5000, 5000), {}));
}

TEST_F(WalArchiveTest, prefers_the_whole_segment_to_its_chunks) {
  put_chunk(0, 5000);
  put(first.name(size), *wal_.segment(1));
  EXPECT_TRUE(fetch(first.name(size)) == wal_.segment(1));
  const SegmentHolding holding = archive_.holdings({1}, {})[1];
  EXPECT_TRUE(holding.whole);
  EXPECT_EQ(holding.covered_bytes, size);
}

TEST_F(WalArchiveTest, lists_what_it_holds_by_timeline) {
  put(first.name(size), *wal_.segment(1));
  put(WalSegment{{1}, 3}.name(size), *wal_.segment(3));
  put("000000020000000000000002", *wal_.segment(2));
  put("00000002.history", base::as_bytes("1\t0/200000\tx\n"));
  EXPECT_EQ(archive_.timelines({}), (std::vector<postgres::Timeline>{{1}, {2}}));
  const std::map<uint64_t, SegmentHolding> held = archive_.holdings({1}, {});
  ASSERT_EQ(held.size(), 2u);
  EXPECT_TRUE(held.contains(1) && held.contains(3));
  EXPECT_EQ(held.at(1).stored_bytes, sample_.store.body(first_key).size());
  EXPECT_EQ(archive_.holdings({2}, {}).size(), 1u);
  EXPECT_TRUE(archive_.holdings({3}, {}).empty());
}

// Every bit of the header and some of the content: never other bytes than were put.
TEST_F(WalArchiveTest, gives_no_segment_with_a_flipped_bit) {
  const Bytes segment = *wal_.segment(1);
  put(first.name(size), segment);
  const Bytes good = sample_.store.body(first_key);
  for (uint64_t i = 0; i < header_bytes * 8 + testing::rounds(150); ++i) {
    Bytes damaged = good;
    const uint64_t bit = i < header_bytes * 8 ? i : dice_.below(good.size() * 8);
    testing::Dice::flip_bit(damaged, bit);
    sample_.store.replace(first_key, damaged);
    const base::Error failure = testing::error_of([&] { fetch(first.name(size)); });
    EXPECT_TRUE(failure.kind() == base::ErrorKind::corrupt ||
                (failure.kind() == base::ErrorKind::invalid && bit / 8 >= 20 && bit / 8 < 24))
        << bit << " " << failure.message();
    EXPECT_THAT(failure.message(), ::testing::HasSubstr(first_key));
  }
  for (const size_t cut : {size_t{0}, size_t{100}, header_bytes, good.size() - 1}) {
    sample_.store.replace(first_key, {good.begin(), good.begin() + static_cast<ptrdiff_t>(cut)});
    EXPECT_ERROR(corrupt, fetch(first.name(size))) << cut;
  }
}

// An object is sound in itself, but stands under the name of another.
TEST_F(WalArchiveTest, takes_no_object_for_another) {
  put(first.name(size), *wal_.segment(1));
  const std::string second_key = "wal/0001/00000001/00000000/000000010000000000000002.zst";
  const std::string child_key = "wal/0001/00000002/00000000/000000020000000000000001.zst";
  for (const std::string& key : {second_key, child_key})
    sample_.store.replace(key, sample_.store.body(first_key));
  EXPECT_ERROR(corrupt, fetch("000000010000000000000002"));
  EXPECT_ERROR(corrupt, fetch("000000020000000000000001"));

  put("00000002.history", base::as_bytes("1\t0/200000\tx\n"));
  sample_.store.replace("wal/0001/history/00000003.history.zst",
                        sample_.store.body("wal/0001/history/00000002.history.zst"));
  EXPECT_ERROR(corrupt, fetch("00000003.history"));

  const WalSegment third{{1}, 3};
  put_chunk(0, 1000, third);
  put_chunk(1000, 2000, third);
  const std::string folder = "wal/0001/00000001/00000000/000000010000000000000003.d/";
  sample_.store.replace(folder + "000003E8-000007D0.zst",
                        sample_.store.body(folder + "00000000-000003E8.zst"));
  EXPECT_ERROR(corrupt, fetch(third.name(size), WalArchive::Partial::zero_fill));

  Epoch other = sample_.epoch;
  other.system_identifier = 5;
  other = sample_.repository.begin_epoch(other, {});
  sample_.store.replace("wal/0002/00000001/00000000/000000010000000000000001.zst",
                        sample_.store.body(first_key));
  EXPECT_ERROR(
      corrupt,
      WalArchive(sample_.repository, other).fetch_segment(first, WalArchive::Partial::refuse, {}));
}

// Call 1 fails, then 2, then 3, until the put succeeds: after each, a retry puts it right, and the
// content is whole or absent at every moment.
TEST_F(WalArchiveTest, stores_a_segment_at_the_next_try_whatever_call_failed) {
  const Bytes segment = *wal_.segment(1);
  for (const bool chunk : {false, true}) {
    for (const testing::Fault fault : testing::all_faults) {
      for (uint64_t call = 1;; ++call) {
        ASSERT_LT(call, 100u);
        SCOPED_TRACE(fmt::format("call {} of {}", call, chunk ? "put_chunk" : "put"));
        SampleRepository sample;
        const WalArchive archive(sample.repository, sample.epoch);
        const auto put_it = [&] {
          return chunk ? archive.put_chunk(first, 0, segment, {})
                       : archive.put(name_of(first.name(size)), file(segment), {});
        };
        sample.faulty.fail_call(call, fault);
        bool reply_lost = false;
        try {
          put_it();
        } catch (const base::Error& failure) {
          EXPECT_TRUE(sample.faulty.failed());
          reply_lost = fault == testing::Fault::reply_lost;
          EXPECT_EQ(failure.kind(), fault == testing::Fault::denied ? base::ErrorKind::denied
                                    : fault == testing::Fault::full ? base::ErrorKind::full
                                                                    : base::ErrorKind::unavailable);
        }
        const bool failed = sample.faulty.failed();
        sample.faulty.heal();
        if (failed) {
          const std::optional<Bytes> left =
              archive.fetch_segment(first, WalArchive::Partial::refuse, {});
          EXPECT_TRUE(!left || (reply_lost && *left == segment));
          EXPECT_EQ(put_it(), left ? PutOutcome::already_there : PutOutcome::stored);
        }
        EXPECT_TRUE(archive.fetch_segment(first, WalArchive::Partial::refuse, {}) == segment);
        if (!failed) break;
      }
    }
  }
}

TEST_F(WalArchiveTest, throws_what_the_store_says_when_fetching_and_calls_nothing_absent) {
  put(first.name(size), *wal_.segment(1));
  for (const testing::Fault fault : {testing::Fault::unavailable, testing::Fault::denied}) {
    for (uint64_t call = 1;; ++call) {
      sample_.faulty.fail_call(call, fault);
      try {
        EXPECT_TRUE(fetch(first.name(size)) == wal_.segment(1));
      } catch (const base::Error& failure) {
        EXPECT_EQ(failure.kind(), fault == testing::Fault::denied ? base::ErrorKind::denied
                                                                  : base::ErrorKind::unavailable);
      }
      if (!sample_.faulty.failed()) break;
      ASSERT_LT(call, 100u);
    }
  }
}

}  // namespace
}  // namespace repository
