// What a restored database is compared with: the record of the very dump it was restored from, or
// of one that was taken near the moment it was restored to, or what an earlier drill counted.
#pragma once

#include <map>
#include <optional>

#include "repository/drill_record.h"
#include "repository/dump_record.h"

namespace drill {

struct Reference {
  std::string name;    // "breezycorp_2026-11-22.dump"
  bool exact = false;  // it is what was restored, to the row
  // Rows of each table whose rows must be there, by name, quoted where it must be.
  std::map<std::string, int64_t> rows;
  std::optional<repository::DumpRecord> record;  // for what else it tells
};

Reference reference_from(const repository::DumpRecord& record, bool exact);
Reference reference_from(const repository::DrillRecord& record);

}  // namespace drill
