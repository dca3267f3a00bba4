// What a bucket is configured to do with what is kept there: read, never changed. The parsers are
// pure functions of the server's answers, and throw corrupt.
#pragma once

#include "cloud/s3_store.h"

namespace app {

// The answer to one question about a bucket.
template <typename Value>
struct Answer {
  std::optional<Value> value;  // nothing: nothing is configured, or it could not be asked
  std::string unproven;        // why it could not be asked: denied, not known to this server

  bool is_known() const { return unproven.empty(); }
};

struct LifecycleRule {
  std::string id;
  bool enabled = false;
  std::string prefix;
  bool is_filtered = false;  // by tags or sizes: it holds for some objects only
  std::optional<int> expire_days;
  bool expires_by_date = false;
  bool removes_markers = false;  // delete markers with nothing below
  std::optional<int> noncurrent_days;
  std::optional<int> abort_days;  // of uploads that were never completed
};
std::vector<LifecycleRule> parse_lifecycle(std::string_view xml);

struct ReplicationRule {
  bool enabled = false;
  std::string prefix;
  bool is_filtered = false;
  std::string bucket;  // where to: its name
  std::string key;     // of KMS, for what is encrypted there
  bool takes_encrypted = false;
};
std::vector<ReplicationRule> parse_replication(std::string_view xml);

struct BucketLock {
  std::optional<int> default_days;  // for how long it locks what says nothing itself
};
BucketLock parse_bucket_lock(std::string_view xml);

std::string parse_location(std::string_view xml);    // the region; empty: the server names none
bool parse_versioning(std::string_view xml);         // whether versions are kept
std::string parse_encryption(std::string_view xml);  // "aws:kms KEY", "AES256"
bool parse_public_block(std::string_view xml);       // whether all four are blocked
std::string parse_owner(std::string_view xml);       // of an access control list

struct Posture {
  bool is_aws = false;
  Answer<std::string> region;
  Answer<bool> versioned;
  Answer<std::vector<LifecycleRule>> lifecycle;
  Answer<BucketLock> lock;
  Answer<std::string> encryption;
  Answer<bool> public_blocked;  // asked of AWS alone
  Answer<std::vector<ReplicationRule>> replication;
  Answer<std::string> owner;
  Answer<cloud::StoreFacts> facts;  // what the store was found to do with conditional puts
  std::vector<cloud::Shadow> shadows;
};

// Throws unavailable, absent (no such bucket), invalid; what is denied is an answer.
Posture read_posture(cloud::S3Store& store, const std::string& prefix, std::stop_token stop);
// What `status` asks: lifecycle, versions and the store's facts.
Posture read_lifecycle(cloud::S3Store& store, const std::string& prefix, std::stop_token stop);

}  // namespace app
