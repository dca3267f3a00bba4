// S3's listings and answers to uploads, from XML. Pure functions; all throw corrupt.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace cloud {

// One version of one key: of an ordinary listing the newest, without its id.
struct S3Entry {
  std::string key;
  std::string version_id;
  bool is_delete_marker = false;
  uint64_t size = 0;
  std::string etag;  // without quotes
  base::Instant modified;
};

struct S3Page {
  std::vector<S3Entry> entries;
  bool is_last = true;
  // Where the next page starts: a token; for versions a key and an id.
  std::string next;
  std::string next_version_id;
};

S3Page parse_object_list(std::string_view xml);   // ListObjectsV2, with encoding-type=url
S3Page parse_version_list(std::string_view xml);  // ListObjectVersions, the same

struct S3Upload {
  std::string key;
  std::string upload_id;
  base::Instant initiated;
};
struct S3UploadPage {
  std::vector<S3Upload> uploads;
  bool is_last = true;
  std::string next_key;
  std::string next_upload_id;
};
S3UploadPage parse_upload_list(std::string_view xml);  // ListMultipartUploads, the same

std::string parse_upload_id(std::string_view xml);  // CreateMultipartUpload

std::string without_quotes(std::string_view etag);

}  // namespace cloud
