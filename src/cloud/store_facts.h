// What a bucket's server does with a put that must not overwrite: asked once, and kept in the
// bucket. docs/formats/store.md.
#pragma once

#include "cloud/s3_client.h"

namespace cloud {

struct StoreFacts {
  bool conditional_put = false;       // PutObject's If-None-Match can be relied on, in a race too
  bool conditional_complete = false;  // and CompleteMultipartUpload's
  bool versioned = false;             // what is overwritten stays as an older version

  // Whether nothing that is there can be replaced by a put of ours.
  bool conditional() const { return conditional_put && conditional_complete; }
  // Whether what is there stays, be it as the oldest version.
  bool keeps_objects() const { return conditional() || versioned; }
  bool operator==(const StoreFacts&) const = default;
};

// Keys below the store's prefix that are no objects of the store.
inline constexpr std::string_view facts_name = "store.json";
inline constexpr std::string_view probe_name = "store.probe";
inline constexpr std::string_view canary_prefix = "canary/";

// A version that a bucket with versioning gave; others name none, or "null".
inline bool is_version(const std::string& id) { return !id.empty() && id != "null"; }

// The oldest version of one key, and how many there are; delete markers do not count.
struct KeyVersions {
  std::optional<S3Entry> first;
  uint64_t count = 0;
};
KeyVersions versions_of(S3Client& client, const std::string& key, std::stop_token stop);

// What is kept; nothing in a bucket that was never asked. Throws corrupt.
std::optional<StoreFacts> read_facts(S3Client& client, const std::string& prefix,
                                     std::stop_token stop);

// Asks the server, by putting `store.probe` twice and in parts, and keeps what it found. Objects
// of this name that others put meanwhile do no harm. Needs what a writer may, and nothing more.
StoreFacts probe_facts(S3Client& client, const std::string& prefix, const S3PutOptions& options,
                       std::stop_token stop);

std::string print_facts(const StoreFacts& facts);
StoreFacts parse_facts(std::string_view text);  // throws corrupt

}  // namespace cloud
