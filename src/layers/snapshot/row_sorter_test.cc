#include "layers/snapshot/row_sorter.h"

#include <gmock/gmock.h>

#include <map>

#include "testing/dice.h"

namespace layers {
namespace {

using repository::FileKind;

std::vector<StreamedRow> drained(RowSorter& sorter) {
  std::vector<StreamedRow> rows;
  sorter.drain([&](StreamedRow row) { rows.push_back(std::move(row)); });
  return rows;
}

TEST(RowSorter, gives_rows_in_bytewise_order_of_paths) {
  const base::TemporaryFolder folder;
  RowSorter sorter(folder.path());
  for (const char* path :
       {"base/5/", "base/5/1259", "base-x", "Z", "global/", "base/", "\xC3\xBC", "base/5/112"})
    sorter.add({.path = path});
  std::vector<std::string> paths;
  for (const StreamedRow& row : drained(sorter)) paths.push_back(row.path);
  EXPECT_THAT(paths, testing::ElementsAre("Z", "base-x", "base/", "base/5/", "base/5/112",
                                          "base/5/1259", "global/", "\xC3\xBC"));
}

TEST(RowSorter, keeps_every_fact_of_a_row) {
  const base::TemporaryFolder folder;
  RowSorter sorter(folder.path());
  const std::vector<StreamedRow> rows = {{.path = "a",
                                          .kind = FileKind::link,
                                          .mode = 0777,
                                          .link_target = "/somewhere/else",
                                          .size = 0,
                                          .first_block = 7,
                                          .content_at = 8},
                                         {.path = "b",
                                          .kind = FileKind::file,
                                          .mode = 0640,
                                          .link_target = "",
                                          .size = uint64_t{1} << 45,
                                          .first_block = uint64_t{1} << 40,
                                          .content_at = uint64_t{1} << 50}};
  sorter.add(rows[1]);
  sorter.add(rows[0]);
  EXPECT_EQ(drained(sorter), rows);
}

TEST(RowSorter, has_nothing_when_nothing_was_added) {
  RowSorter sorter("/nowhere");
  EXPECT_TRUE(drained(sorter).empty());
}

// As a server may send a file twice when it is replaced while its folder is read.
TEST(RowSorter, keeps_the_row_added_last_of_each_path_over_many_runs) {
  testing::Dice dice;
  SCOPED_TRACE(dice.told());
  const base::TemporaryFolder folder;
  for (uint64_t round = 0; round < testing::rounds(20); ++round) {
    RowSorter sorter(folder.path(), dice.between(100, 20000));
    std::map<std::string, StreamedRow> wanted;
    for (uint64_t i = dice.below(3000); i > 0; --i) {
      StreamedRow row{.path = fmt::format("base/{}/{}", dice.below(3), dice.below(2000)),
                      .size = i};
      row.link_target = std::string(dice.below(30), 'l');
      wanted[row.path] = row;
      sorter.add(row);
    }
    std::vector<StreamedRow> rows;
    for (const auto& [path, row] : wanted) rows.push_back(row);
    EXPECT_EQ(drained(sorter), rows);
  }
}

}  // namespace
}  // namespace layers
