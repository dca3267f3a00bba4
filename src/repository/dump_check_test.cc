#include "repository/dump_check.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace repository {
namespace {

const std::string body = std::string(1000, 'h') + std::string(5000, 'r');

DumpRecord record_of(bool read_back, bool offsets) {
  DumpRecord record{.size = body.size(), .head_bytes = 1000, .offsets = offsets};
  const base::ByteView bytes = base::as_bytes(body);
  if (read_back) record.sha256 = crypto::sha256_hex(bytes);
  if (offsets) record.head_sha256 = crypto::sha256_hex(bytes.first(1000));
  record.rest_sha256 = crypto::sha256_hex(offsets ? bytes.subspan(1000) : bytes);
  return record;
}

void check(const DumpRecord& record, const std::string& bytes, size_t piece) {
  DumpCheck check(record);
  for (size_t at = 0; at < bytes.size(); at += piece)
    check.update(base::as_bytes(std::string_view(bytes).substr(at, piece)));
  check.finish();
}

TEST(DumpCheck, takes_what_was_recorded_in_whatever_pieces_it_comes) {
  for (const bool read_back : {true, false}) {
    for (const bool offsets : {true, false}) {
      for (const size_t piece : {7u, 999u, 1000u, 1001u, 6000u})
        EXPECT_NO_THROW(check(record_of(read_back, offsets), body, piece));
    }
  }
}

TEST(DumpCheck, refuses_any_other_byte_and_any_other_size) {
  for (const bool read_back : {true, false}) {
    for (const bool offsets : {true, false}) {
      const DumpRecord record = record_of(read_back, offsets);
      for (const size_t at : {0u, 999u, 1000u, 5999u}) {
        std::string damaged = body;
        damaged[at] ^= 1;
        EXPECT_THROW(check(record, damaged, 512), base::Error) << at;
      }
      EXPECT_THROW(check(record, body.substr(0, 5999), 512), base::Error);
      EXPECT_THROW(check(record, body + "x", 512), base::Error);
    }
  }
}

// Of a seawall that knew neither head nor rest.
TEST(DumpCheck, reads_records_of_before) {
  DumpRecord record = record_of(true, true);
  record.head_sha256.reset();
  record.rest_sha256.reset();
  EXPECT_NO_THROW(check(record, body, 512));
  EXPECT_THROW(check(record, body.substr(1) + "x", 512), base::Error);
}

}  // namespace
}  // namespace repository
