#include "layers/pitr/relation_names.h"

#include "base/error.h"

namespace layers {

RelationNames name_relations(postgres::Connection& connection,
                             const std::set<postgres::RelationFile>& files) {
  RelationNames names;
  const auto database = static_cast<uint32_t>(
      connection.query("select oid::bigint from pg_database where datname = current_database()")
          .number(0, 0));
  connection.simple("set search_path to ''");
  // One by one: there are as many as a listing shows.
  for (const postgres::RelationFile& file : files) {
    if (file.database != database && file.database != 0) continue;
    const postgres::Rows rows = connection.query(
        "select coalesce(owner.oid, c.oid)::regclass, owner.oid is not null, "
        "c.relnamespace = 'pg_catalog'::regnamespace from pg_class c left join pg_class owner on "
        "owner.reltoastrelid = c.oid where c.oid = pg_filenode_relation($1::oid, $2::oid)",
        {std::to_string(file.tablespace), std::to_string(file.file)});
    if (rows.empty()) continue;
    names[file] = {
        .name = rows.text(0, 0), .large_values = rows.boolean(0, 1), .catalog = rows.boolean(0, 2)};
  }
  return names;
}

std::set<uint32_t> files_of(postgres::Connection& connection, const std::string& table) {
  const postgres::Rows rows = connection.query(
      "select pg_relation_filenode(oid)::bigint from (select $1::regclass::oid union select "
      "relid::oid from pg_partition_tree($1::regclass)) as all_of(oid) where "
      "pg_relation_filenode(oid) is not null",
      {table});
  std::set<uint32_t> files;
  for (size_t row = 0; row < rows.size(); ++row)
    files.insert(static_cast<uint32_t>(rows.number(row, 0)));
  if (files.empty())
    throw base::error(base::ErrorKind::absent, "{} has no rows of its own in any file", table);
  return files;
}

}  // namespace layers
