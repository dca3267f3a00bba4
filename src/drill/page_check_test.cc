#include "drill/page_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "postgres/page.h"

namespace drill {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A page that was initialised, with the checksum that its place gives it.
base::Bytes page_at(uint32_t block) {
  base::Bytes page(postgres::page_bytes, std::byte{0x5A});
  base::store<uint16_t>(page.data() + 14, 8192);  // pd_upper
  base::store<uint16_t>(page.data() + 8, postgres::page_checksum(page.data(), block));
  return page;
}

TEST(WrongPages, are_those_whose_checksum_is_of_other_bytes_or_another_place) {
  const base::TemporaryFolder folder;
  constexpr uint32_t first = 131072;  // the second file of a relation
  base::Bytes file;
  for (uint32_t block = first; block < first + 300; ++block) base::append(file, page_at(block));
  base::append(file, base::Bytes(postgres::page_bytes));  // never used
  const base::Path path = folder.path() / "16384.1";
  base::write_file_durably(path, file);
  uint64_t pages = 0;
  EXPECT_THAT(wrong_pages(path, first, pages, {}), IsEmpty());
  EXPECT_EQ(pages, 301u);
  file[5 * postgres::page_bytes + 4000] ^= std::byte{1};
  file[299 * postgres::page_bytes + 8191] ^= std::byte{1};
  base::write_file_durably(path, file);
  EXPECT_THAT(wrong_pages(path, first, pages, {}), ElementsAre(first + 5, first + 299));
  EXPECT_EQ(wrong_pages(path, 0, pages, {}).size(), wrong_pages_max) << "all, told up to a bound";
}

}  // namespace
}  // namespace drill
