// Where a policy may keep things, as far as it can be judged without looking: is this URL one that
// this build carries, do two of them overlap, do they lie in one region. Values; pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace policy {

struct Place {
  enum class Kind { file, s3 };
  Kind kind = Kind::file;
  std::string root;  // file: empty; s3: the bucket
  std::string path;  // normalised: "/backup/dumps", "/" for all of it

  std::string url() const;  // "file:///backup/dumps", "s3://bucket/prefix"
  bool operator==(const Place&) const = default;
};

// "file:///absolute/path" or "s3://bucket[/prefix]". "." and "//" are taken out. Throws invalid;
// ".." is refused, as what it means depends on links.
Place parse_place(std::string_view url);

// As parse_place; all of the file system is invalid too.
Place parse_store(std::string_view url);

// Whether they are the same, or one lies inside the other.
bool overlap(const Place& one, const Place& other);

// The region that a bucket's name ends with, as in s3://breezycorp-backups-ap-southeast-1; nothing
// if it names none.
std::optional<std::string> region_in_name(const Place& place);

// Throws invalid when a replica would be lost together with its source: the same region, or
// overlapping places.
void require_apart(const Place& source, const Place& replica);

}  // namespace policy
