#include "layers/dump/archive_writer.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "storage/file_store.h"
#include "testing/faulty_store.h"

namespace layers {
namespace {

using base::Bytes;

void put_int(Bytes& bytes, int32_t value) {
  bytes.push_back(std::byte{value < 0});
  base::append(bytes, static_cast<uint32_t>(value < 0 ? -value : value));
}

void put_text(Bytes& bytes, std::string_view text) {
  put_int(bytes, static_cast<int32_t>(text.size()));
  base::append(bytes, base::as_bytes(text));
}

// One table with rows, docs/formats/dump.md.
Bytes small_archive() {
  Bytes bytes = base::to_bytes("PGDMP\x01\x0e");
  for (const int byte : {0, 4, 8, 1}) bytes.push_back(static_cast<std::byte>(byte));
  for (int part = 0; part < 8; ++part) put_int(bytes, part);
  for (const char* text : {"db", "15", "15"}) put_text(bytes, text);
  put_int(bytes, 1);
  for (const int32_t value : {7, 1}) put_int(bytes, value);
  for (const char* text : {"0", "1", "staff", "TABLE DATA"}) put_text(bytes, text);
  put_int(bytes, 3);
  for (const char* text : {"", "", "COPY", "public", "", "", "alice", "false"})
    put_text(bytes, text);
  put_int(bytes, -1);
  bytes.push_back(std::byte{1});
  base::append(bytes, uint64_t{0});
  bytes.push_back(std::byte{1});
  put_int(bytes, 7);
  put_text(bytes, std::string(100'000, 'r'));
  put_int(bytes, 0);
  return bytes;
}

class ArchiveWriterTest : public testing::Test {
 protected:
  ArchiveWriter writer(uint64_t head_bytes_max) {
    return {store_, key_, head_bytes_max, [](const TocEntry&) {}, {}};
  }
  Bytes stored() { return storage::read_all(store_, key_, base::MiB, {}); }

  base::TemporaryFolder folder_;
  storage::FileStore store_{folder_.path()};
  storage::ObjectKey key_{"b_2026-11-22.dump"};
  Bytes archive_ = small_archive();
};

TEST_F(ArchiveWriterTest, stores_the_archive_with_its_offsets_and_tells_its_digest) {
  for (const size_t piece : {size_t{1}, size_t{1000}, archive_.size()}) {
    ArchiveWriter writing = writer(base::MiB);
    for (size_t at = 0; at < archive_.size(); at += piece)
      writing.write(base::ByteView(archive_).subspan(at, std::min(piece, archive_.size() - at)));
    writing.finish();
    writing.commit();
    const StoredArchive told = writing.read_back([](uint64_t) {});
    const Bytes object = stored();
    EXPECT_TRUE(told.offsets);
    EXPECT_EQ(told.size, object.size());
    EXPECT_EQ(told.sha256, crypto::sha256_hex(object));
    EXPECT_EQ(told.head_sha256, crypto::sha256_hex(base::ByteView(object).first(told.head_bytes)));
    EXPECT_EQ(told.rest_sha256,
              crypto::sha256_hex(base::ByteView(object).subspan(told.head_bytes)));
    EXPECT_NE(object, archive_);
    std::vector<TocEntry> entries;
    ArchiveScanner scanner([&](const TocEntry& entry) { entries.push_back(entry); });
    scanner.feed(object);
    scanner.finish();
    EXPECT_EQ(entries.at(0).offset, told.head_bytes);
    store_.remove(key_, {});
  }
}

TEST_F(ArchiveWriterTest, leaves_offsets_unset_where_the_head_is_too_large_to_hold) {
  ArchiveWriter writing = writer(50);
  writing.write(archive_);
  writing.finish();
  writing.commit();
  const StoredArchive told = writing.read_back([](uint64_t) {});
  EXPECT_FALSE(told.offsets);
  EXPECT_EQ(stored(), archive_);
  EXPECT_EQ(told.sha256, crypto::sha256_hex(archive_));
  EXPECT_EQ(told.rest_sha256, told.sha256);
  EXPECT_FALSE(told.head_sha256);
}

// A bucket that its writer may put into and list, and not read.
TEST_F(ArchiveWriterTest, vouches_for_what_was_sent_where_reading_back_is_denied) {
  testing::FaultyStore write_only(store_);
  ArchiveWriter writing(write_only, key_, base::MiB, [](const TocEntry&) {}, {});
  writing.write(archive_);
  writing.finish();
  writing.commit();
  write_only.fail_call(1, testing::Fault::denied);
  const StoredArchive told = writing.read_back([](uint64_t) {});
  const Bytes object = stored();
  EXPECT_FALSE(told.sha256);
  EXPECT_EQ(told.size, object.size());
  EXPECT_EQ(told.head_sha256, crypto::sha256_hex(base::ByteView(object).first(told.head_bytes)));
  EXPECT_EQ(told.rest_sha256, crypto::sha256_hex(base::ByteView(object).subspan(told.head_bytes)));

  // The listing is all there is to see then; what it says must fit.
  store_.remove(key_, {});
  write_only.fail_call(1, testing::Fault::denied);
  EXPECT_THROW(writing.read_back([](uint64_t) {}), base::Error);
}

TEST_F(ArchiveWriterTest, leaves_nothing_when_the_archive_is_not_whole) {
  {
    ArchiveWriter writing = writer(base::MiB);
    writing.write(base::ByteView(archive_).first(archive_.size() - 1));
    EXPECT_THROW(writing.finish(), base::Error);
  }
  EXPECT_TRUE(storage::list_all(store_, "", {}).empty());
}

TEST_F(ArchiveWriterTest, loses_against_another_that_took_the_name) {
  ArchiveWriter writing = writer(base::MiB);
  writing.write(archive_);
  writing.finish();
  store_.put_if_absent(key_, base::as_bytes("first"), {});
  try {
    writing.commit();
    FAIL();
  } catch (const base::Error& failure) {
    EXPECT_EQ(failure.kind(), base::ErrorKind::conflict);
  }
  EXPECT_EQ(stored(), base::to_bytes("first"));
}

TEST_F(ArchiveWriterTest, notices_when_the_store_holds_something_else) {
  for (const size_t at : {size_t{30}, archive_.size() - 10}) {
    ArchiveWriter writing = writer(base::MiB);
    writing.write(archive_);
    writing.finish();
    writing.commit();
    Bytes damaged = stored();
    damaged[at] ^= std::byte{4};
    store_.remove(key_, {});
    store_.put_if_absent(key_, damaged, {});
    EXPECT_THROW(writing.read_back([](uint64_t) {}), base::Error);
    store_.remove(key_, {});
  }
}

}  // namespace
}  // namespace layers
