// Do the buckets do with what is kept in them what the policy says, and nothing else? Read-only
// questions; what may not be asked is unproven, never guessed.
#pragma once

#include "app/bucket_posture.h"
#include "app/check.h"
#include "monitor/finding.h"

namespace app {

// What a policy uses a bucket for.
struct BucketUse {
  enum class Kind { repository, dumps, replica };
  Kind kind = Kind::repository;
  std::string subject;  // "layers.dumps.nightly.store"
  policy::Place place;
  std::string endpoint;  // for the command line of who mends it; empty: AWS
  base::Duration retain{};
  std::optional<policy::Lock> lock;
  std::string kms_key;                       // by which the service encrypts; empty: none
  std::optional<std::string> replicates_to;  // the bucket that the service copies to
};

// The judgement of one bucket. Pure.
std::vector<CheckItem> judge_bucket(const BucketUse& use, const Posture& posture);
// Its part about age alone.
struct AgeItem {
  CheckItem item;
  bool destroys = false;  // what the policy keeps
};
std::vector<AgeItem> judge_lifecycle(const BucketUse& use, const Posture& posture);
// What is to be said of all together: that they are in different accounts. Pure.
std::vector<CheckItem> judge_accounts(const std::vector<std::pair<BucketUse, Posture>>& buckets);

// Every bucket of the policy. Throws cancelled only: an error is an answer.
std::vector<CheckItem> check_buckets(Context& context, std::stop_token stop);

// What of it belongs into `status`, where it can be read: age rules that destroy, or do not hold.
std::vector<monitor::Finding> judge_buckets(Context& context, std::stop_token stop);

}  // namespace app
