#include "postgres/backup_label.h"

#include <charconv>

#include "base/error.h"

namespace postgres {

BackupLabel parse_backup_label(std::string_view text) {
  const auto fail = [](std::string_view why) {
    return base::error(base::ErrorKind::corrupt, "backup_label {}", why);
  };
  BackupLabel label;
  while (!text.empty()) {
    const size_t newline = text.find('\n');
    const std::string_view line = text.substr(0, newline);
    text = newline == std::string_view::npos ? std::string_view{} : text.substr(newline + 1);
    const size_t colon = line.find(": ");
    if (colon == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, colon);
    const std::string_view value = line.substr(colon + 2);
    try {
      if (key == "START WAL LOCATION") {
        const size_t open = value.find(" (file ");
        if (open == std::string_view::npos || !value.ends_with(')'))
          throw fail("has a strange START WAL LOCATION");
        label.start = parse_lsn(value.substr(0, open));
        label.start_file = value.substr(open + 7, value.size() - open - 8);
      } else if (key == "CHECKPOINT LOCATION") {
        label.checkpoint = parse_lsn(value);
      } else if (key == "BACKUP FROM") {
        label.from_standby = value == "standby";
      } else if (key == "START TIMELINE") {
        const auto [end, failed] =
            std::from_chars(value.data(), value.data() + value.size(), label.start_timeline.value);
        if (failed != std::errc{} || end != value.data() + value.size())
          throw fail("has a strange START TIMELINE");
      } else if (key.starts_with("INCREMENTAL FROM")) {
        label.incremental = true;
      }
    } catch (const base::Error& failure) {
      throw fail(failure.message());
    }
  }
  if (!label.start || !label.checkpoint || label.start_timeline.value == 0) {
    throw fail("lacks its start, checkpoint or timeline");
  }
  return label;
}

}  // namespace postgres
