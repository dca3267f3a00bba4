#include "drill/reference.h"

#include "policy/table_pattern.h"

namespace drill {

Reference reference_from(const repository::DumpRecord& record, bool exact) {
  Reference reference{.name = record.name.text(), .exact = exact, .rows = {}, .record = record};
  for (const repository::DumpRelation& relation : record.relations) {
    if (relation.kind == 'r' && relation.rows)
      reference.rows[policy::pattern_of(relation.schema, relation.name)] = *relation.rows;
  }
  return reference;
}

Reference reference_from(const repository::DrillRecord& record) {
  Reference reference{
      .name = fmt::format("the drill {}", record.id), .exact = false, .rows = {}, .record = {}};
  for (const repository::TableCount& table : record.tables)
    reference.rows[table.table] = table.rows;
  return reference;
}

}  // namespace drill
