#include "postgres/backup_label.h"

#include "testing/errors.h"

namespace postgres {
namespace {

const std::string label_of_a_primary =
    "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\n"
    "CHECKPOINT LOCATION: 0/2000060\n"
    "BACKUP METHOD: streamed\n"
    "BACKUP FROM: primary\n"
    "START TIME: 2026-11-22 14:03:07 +08\n"
    "LABEL: seawall 20261122T060307Z: a: b\n"
    "START TIMELINE: 1\n";

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  return text.replace(text.find(from), from.size(), to);
}

TEST(BackupLabel, is_read_as_the_server_writes_it) {
  const BackupLabel label = parse_backup_label(label_of_a_primary);
  EXPECT_EQ(label.start, parse_lsn("0/2000028"));
  EXPECT_EQ(label.start_file, "000000010000000000000002");
  EXPECT_EQ(label.checkpoint, parse_lsn("0/2000060"));
  EXPECT_EQ(label.start_timeline, Timeline{1});
  EXPECT_FALSE(label.from_standby);
  EXPECT_FALSE(label.incremental);
}

TEST(BackupLabel, knows_a_standby_and_an_increment) {
  EXPECT_TRUE(parse_backup_label(replaced(label_of_a_primary, "primary", "standby")).from_standby);
  EXPECT_TRUE(parse_backup_label(label_of_a_primary +
                                 "INCREMENTAL FROM LSN: 0/1000028\nINCREMENTAL FROM TLI: 1\n")
                  .incremental);
}

TEST(BackupLabel, lacks_none_of_its_facts) {
  for (const char* line : {"START WAL LOCATION", "CHECKPOINT LOCATION", "START TIMELINE"}) {
    EXPECT_ERROR(corrupt, parse_backup_label(replaced(label_of_a_primary, line, "SOMETHING ELSE")))
        << line;
  }
  EXPECT_ERROR(corrupt, parse_backup_label(""));
}

TEST(BackupLabel, refuses_facts_that_are_none) {
  const std::vector<std::pair<std::string, std::string>> damage = {
      {"0/2000028", "0/X"},
      {"0/2000028 (file ", "0/2000028 file "},
      {"000002)", "000002"},
      {"0/2000060", "2000060"},
      {"TIMELINE: 1", "TIMELINE: 0"},
      {"TIMELINE: 1", "TIMELINE: 1x"},
      {"TIMELINE: 1", "TIMELINE: "},
      {"TIMELINE: 1", "TIMELINE: 4294967296"},
      {"0/2000060", "0/0"}};
  for (const auto& change : damage) {
    EXPECT_ERROR(corrupt,
                 parse_backup_label(replaced(label_of_a_primary, change.first, change.second)))
        << change.first << " -> " << change.second;
  }
}

}  // namespace
}  // namespace postgres
