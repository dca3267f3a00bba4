// Which files of a cluster a snapshot holds, and under which names.
// Source: PostgreSQL src/backend/backup/basebackup.c (what is left out), documentation "Making a
// Base Backup".
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/file.h"
#include "repository/shard.h"
#include "repository/snapshot_root.h"

namespace layers {

struct DataFile {
  std::string path;  // as in docs/formats/snapshot.md; a folder's ends with '/'
  repository::FileKind kind;
  uint32_t mode;
  uint64_t size;
  std::string link_target;
};

class DataFiles {
 public:
  // `external` are configuration files outside the data directory, in the order of their numbers;
  // `version_folder` is what this server calls its own folder in a tablespace ("PG_15_202209061").
  DataFiles(base::Path data_directory, std::vector<base::Path> external, std::string version_folder)
      : data_directory_(std::move(data_directory)),
        external_(std::move(external)),
        version_folder_(std::move(version_folder)) {}

  // Visits every file, folder and link, in bytewise order of paths; holds the names of one folder
  // at a time. Files that vanish beside us are left out. Throws denied, unavailable for what cannot
  // be read.
  void walk(const std::function<void(DataFile)>& visit) const;

  // Where the file of this path is on this host.
  base::Path location(const std::string& path) const;
  std::vector<repository::ExternalFile> external_files() const;

 private:
  void walk_folder(const std::string& path, const std::function<void(DataFile)>& visit) const;
  void visit_entry(const std::string& path, const std::function<void(DataFile)>& visit) const;
  void walk_external(const std::function<void(DataFile)>& visit) const;

  base::Path data_directory_;
  std::vector<base::Path> external_;
  std::string version_folder_;
};

// Whether what has this path (a folder without a '/' behind) is in no snapshot, by its name alone.
bool is_left_out(std::string_view path);

// What is known of a file by its path.
struct RelationFile {
  bool is_relation = false;  // of pages with a header and a checksum
  bool is_main_fork = false;
  uint32_t first_block =
      0;  // of this file within its fork: 131072 for each full gigabyte before it
};
RelationFile relation_file(std::string_view path, uint32_t blocks_per_file);

}  // namespace layers
