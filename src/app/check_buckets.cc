#include "app/check_buckets.h"

#include <algorithm>

#include "app/keys.h"
#include "base/error.h"

namespace app {

using base::Error;
using base::ErrorKind;

namespace {

constexpr base::Duration patience = std::chrono::seconds(20);

std::string bucket_command(const BucketUse& use, std::string_view words) {
  return fmt::format("aws s3api {}{} --bucket {}", words,
                     use.endpoint.empty() ? "" : " --endpoint-url " + use.endpoint, use.place.root);
}

class BucketJudge {
 public:
  BucketJudge(const BucketUse& use, const Posture& posture) : use_(use), posture_(posture) {}

  std::vector<CheckItem> run() {
    judge_region();
    judge_versions();
    judge_conditions();
    judge_public();
    judge_lock();
    judge_encryption();
    judge_replication();
    for (AgeItem& one : judge_lifecycle(use_, posture_)) items_.push_back(std::move(one.item));
    return std::move(items_);
  }

 private:
  void add(std::string_view what_of, CheckResult result, std::string what, std::string mend = {}) {
    items_.push_back(
        {fmt::format("{} {}", use_.subject, what_of), result, std::move(what), std::move(mend)});
  }
  // True when the answer is known; else that is said.
  template <typename Value>
  bool is_known(std::string_view what_of, const Answer<Value>& answer, std::string_view action) {
    if (answer.is_known()) return true;
    add(what_of, CheckResult::warning, "unproven: " + answer.unproven,
        fmt::format("run it with a credential that may: {}", action));
    return false;
  }

  void judge_region() {
    if (!is_known("region", posture_.region, "s3:GetBucketLocation")) return;
    const std::optional<std::string> named = policy::region_in_name(use_.place);
    const std::string& is = *posture_.region.value;
    if (named && is.empty()) {
      add("region", CheckResult::warning,
          fmt::format("unproven: the name says {}, and this server names no region", *named),
          "see to it that the service is in that region");
    } else if (named && is != *named) {
      add("region", CheckResult::problem,
          fmt::format("the bucket is in {}, and its name says {}", is, *named),
          "make one in the region that the name says, or name the region in the policy's bucket");
    } else {
      add("region", CheckResult::good, is.empty() ? "the server names none" : is);
    }
  }

  void judge_versions() {
    if (!is_known("versions", posture_.versioned, "s3:GetBucketVersioning")) return;
    if (posture_.versioned.value == true) {
      add("versions", CheckResult::good, "kept");
    } else {
      add("versions", CheckResult::problem,
          "not kept: whoever may put can replace what is there for good",
          bucket_command(use_, "put-bucket-versioning --versioning-configuration Status=Enabled"));
    }
  }

  void judge_conditions() {
    if (!posture_.facts.is_known()) {
      add("write-once", CheckResult::warning, "unproven: " + posture_.facts.unproven,
          "run it again after the first backup, with a credential that may read store.json");
    } else if (posture_.facts.value->conditional()) {
      add("write-once", CheckResult::good, "the server refuses to put over what is there");
    } else if (posture_.versioned.value.value_or(posture_.facts.value->versioned)) {
      add("write-once", CheckResult::warning,
          "THIS SERVER CANNOT BE RELIED ON TO REFUSE A PUT OVER AN OBJECT (If-None-Match): the "
          "oldest version counts, and later ones are shadows",
          "lock objects, so that no first version can be deleted");
    } else {
      add("write-once", CheckResult::problem,
          "THIS SERVER CANNOT BE RELIED ON TO REFUSE A PUT OVER AN OBJECT (If-None-Match), and the "
          "bucket keeps no versions: a put can destroy what is there",
          bucket_command(use_, "put-bucket-versioning --versioning-configuration Status=Enabled"));
    }
    for (const cloud::Shadow& shadow : posture_.shadows) {
      add("shadows", CheckResult::problem,
          fmt::format("{} has {} versions: somebody put over it", shadow.key, shadow.versions),
          "find out who; the oldest version is what was backed up");
    }
  }

  void judge_public() {
    if (!posture_.is_aws) return;
    if (!is_known("public access", posture_.public_blocked, "s3:GetBucketPublicAccessBlock"))
      return;
    if (posture_.public_blocked.value == true) {
      add("public access", CheckResult::good, "blocked");
    } else {
      add("public access", CheckResult::problem, "not blocked",
          bucket_command(use_,
                         "put-public-access-block --public-access-block-configuration "
                         "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,"
                         "RestrictPublicBuckets=true"));
    }
  }

  void judge_lock() {
    const bool of_repository = use_.kind == BucketUse::Kind::repository;
    if (of_repository && !use_.lock) return;
    if (use_.lock && !is_known("lock", posture_.lock, "s3:GetBucketObjectLockConfiguration"))
      return;
    if (use_.lock && !posture_.lock.value) {
      add("lock", CheckResult::problem,
          "the bucket cannot lock objects, and the policy wants them locked",
          bucket_command(use_,
                         "put-object-lock-configuration --object-lock-configuration "
                         "'{\"ObjectLockEnabled\":\"Enabled\"}'") +
              " # some servers take that only when a bucket is made");
      return;
    }
    const std::optional<int> by_default =
        posture_.lock.value ? posture_.lock.value->default_days : std::nullopt;
    if (by_default && !of_repository && std::chrono::days(*by_default) >= use_.retain) {
      add("lock", CheckResult::problem,
          fmt::format("the bucket locks by default for {} days: nothing can be deleted when the "
                      "policy says",
                      *by_default),
          "make its default shorter than the tier's retention");
    } else if (use_.lock) {
      add("lock", CheckResult::good, "the bucket locks objects");
    }
  }

  void judge_encryption() {
    if (!is_known("encryption", posture_.encryption, "s3:GetEncryptionConfiguration")) return;
    const std::string by_default = posture_.encryption.value.value_or("");
    if (by_default.empty()) {
      if (use_.kms_key.empty() && !posture_.is_aws) return;  // seawall seals, or the policy says no
      add("encryption", CheckResult::warning,
          "the bucket encrypts nothing by itself, only what is put with a key",
          use_.kms_key.empty()
              ? "set a default, against what others put there"
              : bucket_command(use_,
                               "put-bucket-encryption "
                               "--server-side-encryption-configuration '{\"Rules\":[{"
                               "\"ApplyServerSideEncryptionByDefault\":{\"SSEAlgorithm\":"
                               "\"aws:kms\",\"KMSMasterKeyID\":\"" +
                                   use_.kms_key + "\"},\"BucketKeyEnabled\":true}]}'"));
      return;
    }
    add("encryption", CheckResult::good, "by default " + by_default);
  }

  void judge_replication() {
    if (!use_.replicates_to) return;
    if (!is_known("replication", posture_.replication, "s3:GetReplicationConfiguration")) return;
    const std::vector<ReplicationRule> rules =
        posture_.replication.value.value_or(std::vector<ReplicationRule>{});
    if (!posture_.is_aws && rules.empty()) {
      add("replication", CheckResult::warning,
          "unproven: the bucket has no rule, and this service may replicate by itself",
          "'seawall status' looks at the copies");
      return;
    }
    const std::string prefix = key_prefix(use_.place);
    const auto copies = [&](const ReplicationRule& rule) {
      return rule.enabled && !rule.is_filtered && prefix.starts_with(rule.prefix) &&
             rule.bucket == *use_.replicates_to;
    };
    const auto found = std::ranges::find_if(rules, copies);
    if (found == rules.end()) {
      add("replication", CheckResult::problem,
          fmt::format("no rule copies dumps to {}", *use_.replicates_to),
          bucket_command(
              use_,
              fmt::format(
                  "put-bucket-replication --replication-configuration "
                  R"('{{"Role":"ARN OF THE REPLICATOR","Rules":[{{"ID":"seawall","Priority":1,)"
                  R"("Status":"Enabled","Filter":{{"Prefix":"{}"}},)"
                  R"("DeleteMarkerReplication":{{"Status":"Disabled"}},)"
                  R"("SourceSelectionCriteria":{{"SseKmsEncryptedObjects":{{"Status":"Enabled"}}}},)"
                  R"("Destination":{{"Bucket":"arn:aws:s3:::{}",)"
                  R"("EncryptionConfiguration":{{"ReplicaKmsKeyID":"ARN OF THE REPLICA'S KEY"}}}}}}]}}')",
                  prefix, *use_.replicates_to)));
    } else if (!use_.kms_key.empty() && !found->takes_encrypted) {
      add("replication", CheckResult::problem,
          "its rule leaves out what is encrypted by a key of KMS, and all dumps are",
          "add SourceSelectionCriteria.SseKmsEncryptedObjects, and the replica's key as "
          "EncryptionConfiguration.ReplicaKmsKeyID");
    } else {
      add("replication", CheckResult::good, "to " + *use_.replicates_to);
    }
  }

  const BucketUse& use_;
  const Posture& posture_;
  std::vector<CheckItem> items_;
};

// ---- the policy's buckets

std::string endpoint_of(const policy::S3& settings, const policy::Reach& own) {
  if (own.endpoint) return *own.endpoint;
  return settings.reach.endpoint.value_or("");
}

// As they are reached.
class PolicyBuckets {
 public:
  explicit PolicyBuckets(const Context& context) : policy_(context.policy()) {
    add({.kind = BucketUse::Kind::repository,
         .subject = "repository.store",
         .place = policy_.repository.store,
         .lock = policy_.repository.lock},
        {});
    for (const policy::DumpTier& tier : policy_.layers.dumps) add(tier);
  }

  struct Bucket {
    BucketUse use;
    policy::Reach reach;
  };
  const std::vector<Bucket>& all() const { return buckets_; }

  std::unique_ptr<cloud::S3Store> open(const Bucket& bucket) const {
    return open_bucket(bucket.use.place, policy_.s3, bucket.reach, {.patience = patience});
  }

 private:
  void add(BucketUse use, const policy::Reach& reach) {
    if (use.place.kind != policy::Place::Kind::s3) return;
    use.endpoint = endpoint_of(policy_.s3, reach);
    buckets_.push_back({std::move(use), reach});
  }

  static std::string kms_key(const policy::DumpTier& tier, const policy::KeySource& key) {
    const bool by_service =
        tier.encryption && tier.encryption->mode == policy::DumpEncryptionMode::sse_kms;
    if (!by_service) return {};
    try {
      return resolved(key).value;
    } catch (const Error&) {
      return "KEY";  // that its variable is not set is told where it is used
    }
  }

  void add(const policy::DumpTier& tier) {
    BucketUse dumps{.kind = BucketUse::Kind::dumps,
                    .subject = fmt::format("layers.dumps.{}.store", tier.tier.name),
                    .place = tier.store,
                    .retain = tier.tier.retain,
                    .lock = tier.lock};
    if (tier.encryption) dumps.kms_key = kms_key(tier, tier.encryption->key);
    if (tier.replica && tier.replica->by == policy::Copier::store)
      dumps.replicates_to = tier.replica->store.root;
    add(std::move(dumps), {});
    if (!tier.replica) return;
    BucketUse replica{.kind = BucketUse::Kind::replica,
                      .subject = fmt::format("layers.dumps.{}.replica", tier.tier.name),
                      .place = tier.replica->store,
                      .retain = tier.tier.retain,
                      .lock = tier.lock};
    if (tier.replica->key) replica.kms_key = kms_key(tier, *tier.replica->key);
    policy::Reach reach = tier.replica->reach;
    if (!reach.region) reach.region = policy::region_in_name(tier.replica->store);
    add(std::move(replica), reach);
  }

  const policy::Policy& policy_;
  std::vector<Bucket> buckets_;
};

// Two names of one bucket would let one's rules and rights hold for the other.
void judge_different(const std::vector<PolicyBuckets::Bucket>& buckets,
                     std::vector<CheckItem>& items) {
  for (size_t i = 0; i < buckets.size(); ++i) {
    for (size_t j = i + 1; j < buckets.size(); ++j) {
      const BucketUse& one = buckets[i].use;
      const BucketUse& other = buckets[j].use;
      const bool same = one.place.root == other.place.root && one.endpoint == other.endpoint;
      if (!same || (one.kind == other.kind && one.kind != BucketUse::Kind::repository)) continue;
      items.push_back({other.subject, CheckResult::problem,
                       fmt::format("is in the bucket of {}", one.subject),
                       "give each a bucket of its own"});
    }
  }
}

}  // namespace

std::string key_prefix(const policy::Place& place) {
  const std::string inner = place.path.substr(std::min<size_t>(1, place.path.size()));
  return inner.empty() ? inner : inner + "/";
}

std::vector<CheckItem> judge_bucket(const BucketUse& use, const Posture& posture) {
  return BucketJudge(use, posture).run();
}

std::vector<CheckItem> judge_accounts(const std::vector<std::pair<BucketUse, Posture>>& buckets) {
  std::string owner;
  size_t known = 0;
  for (const auto& [use, posture] : buckets) {
    if (!posture.is_aws || !posture.owner.value || posture.owner.value->empty()) continue;
    if (!owner.empty() && *posture.owner.value != owner) return {};
    owner = *posture.owner.value;
    ++known;
  }
  if (known < 2) return {};
  return {{"accounts", CheckResult::warning,
           "all buckets belong to one AWS account: whoever owns it can undo every backup",
           "keep dumps and their replica in an account of their own: docs/guide/aws.md, \"Two "
           "accounts\""}};
}

std::vector<CheckItem> check_buckets(Context& context, std::stop_token stop) {
  const PolicyBuckets buckets(context);
  std::vector<CheckItem> items;
  judge_different(buckets.all(), items);
  std::vector<std::pair<BucketUse, Posture>> known;
  for (const PolicyBuckets::Bucket& bucket : buckets.all()) {
    try {
      const std::unique_ptr<cloud::S3Store> store = buckets.open(bucket);
      Posture posture = read_posture(*store, key_prefix(bucket.use.place), stop);
      items.push_back({bucket.use.subject, CheckResult::good, store->url() + " answers", {}});
      for (CheckItem& item : judge_bucket(bucket.use, posture)) items.push_back(std::move(item));
      known.emplace_back(bucket.use, std::move(posture));
    } catch (const Error& failure) {
      if (failure.kind() == ErrorKind::cancelled) throw;
      items.push_back({bucket.use.subject, CheckResult::problem, failure.message(),
                       failure.hint().empty() ? "look at the bucket and at what the credential may"
                                              : failure.hint()});
    }
  }
  for (CheckItem& item : judge_accounts(known)) items.push_back(std::move(item));
  return items;
}

std::vector<monitor::Finding> judge_buckets(Context& context, std::stop_token stop) {
  const PolicyBuckets buckets(context);
  std::vector<monitor::Finding> findings;
  for (const PolicyBuckets::Bucket& bucket : buckets.all()) {
    try {
      const std::unique_ptr<cloud::S3Store> store = buckets.open(bucket);
      const Posture posture = read_lifecycle(*store, key_prefix(bucket.use.place), stop);
      for (const AgeItem& one : judge_lifecycle(bucket.use, posture)) {
        if (one.item.result != CheckResult::problem) continue;
        findings.push_back(
            {.severity = one.destroys ? monitor::Severity::critical : monitor::Severity::warning,
             .what = fmt::format("{}: {}", one.item.subject, one.item.what),
             .remedy = one.item.mend,
             .key = fmt::format("lifecycle:{}", bucket.use.place.root),
             .section = "retention"});
      }
    } catch (const Error& failure) {
      // That a bucket cannot be reached is told by whoever reads what is in it.
      if (failure.kind() == ErrorKind::cancelled) throw;
    }
  }
  return findings;
}

}  // namespace app
