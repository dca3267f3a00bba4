// The part of check_buckets.h about age.
#include <algorithm>

#include "app/check_buckets.h"

namespace app {

namespace {

// The shortest time that some rule sets, of those that hold for every object of ours.
struct Ages {
  std::optional<int> expire;
  std::optional<int> noncurrent;
  std::optional<int> abort;
  bool removes_markers = false;
};

void shorten(std::optional<int>& days, const std::optional<int>& other) {
  if (other && (!days || *other < *days)) days = other;
}

class LifecycleJudge {
 public:
  LifecycleJudge(const BucketUse& use, const Posture& posture)
      : use_(use), posture_(posture), prefix_(use.place.path.empty() ? "" : use.place.path + "/") {}

  std::vector<AgeItem> run() {
    if (!posture_.lifecycle.is_known()) {
      add(CheckResult::warning, "unproven: " + posture_.lifecycle.unproven,
          "run it with a credential that may read it: s3:GetLifecycleConfiguration");
      return std::move(items_);
    }
    if (posture_.lifecycle.value) rules_ = *posture_.lifecycle.value;
    std::erase_if(rules_, [](const LifecycleRule& rule) { return !rule.enabled; });
    if (use_.kind == BucketUse::Kind::repository) {
      judge_repository();
    } else {
      judge_dumps();
    }
    if (items_.empty()) add(CheckResult::good, good_, {});
    return std::move(items_);
  }

 private:
  void add(CheckResult result, std::string what, std::string mend) {
    items_.push_back(
        {{use_.subject + " lifecycle", result, std::move(what), std::move(mend)}, false});
  }
  // What the policy keeps is lost by it.
  void destroys(std::string what, std::string mend) {
    add(CheckResult::problem, std::move(what), std::move(mend));
    items_.back().destroys = true;
  }

  int retain_days() const {
    return static_cast<int>(std::chrono::ceil<std::chrono::days>(use_.retain).count());
  }

  bool touches(const LifecycleRule& rule) const {
    return rule.prefix.starts_with(prefix_) || prefix_.starts_with(rule.prefix);
  }
  bool covers(const LifecycleRule& rule) const {
    return !rule.is_filtered && prefix_.starts_with(rule.prefix);
  }

  Ages ages() const {
    Ages ages;
    for (const LifecycleRule& rule : rules_) {
      if (!covers(rule)) continue;
      shorten(ages.expire, rule.expire_days);
      shorten(ages.noncurrent, rule.noncurrent_days);
      shorten(ages.abort, rule.abort_days);
      ages.removes_markers = ages.removes_markers || rule.removes_markers;
    }
    return ages;
  }

  std::string put_rules(const std::string& rules) const {
    return fmt::format(
        "aws s3api put-bucket-lifecycle-configuration{} --bucket {} --lifecycle-configuration "
        "'{{\"Rules\":[{}]}}' # in place of all rules that are there",
        use_.endpoint.empty() ? "" : " --endpoint-url " + use_.endpoint, use_.place.root, rules);
  }

  std::string leftovers_rule() const {
    return fmt::format(
        R"({{"ID":"seawall-leftovers","Status":"Enabled","Filter":{{"Prefix":"{}"}},)"
        R"("Expiration":{{"ExpiredObjectDeleteMarker":true}},)"
        R"("AbortIncompleteMultipartUpload":{{"DaysAfterInitiation":7}}}})",
        prefix_);
  }

  std::string whole_rules() const {
    return put_rules(fmt::format(
        R"({{"ID":"seawall-expire","Status":"Enabled","Filter":{{"Prefix":"{}"}},)"
        R"("Expiration":{{"Days":{}}},"NoncurrentVersionExpiration":{{"NoncurrentDays":1}}}},{})",
        prefix_, retain_days(), leftovers_rule()));
  }

  bool keeps_first_versions() const {
    return posture_.facts.value && posture_.facts.value->versioned &&
           !posture_.facts.value->conditional();
  }

  // Newer snapshots name old packs: whatever age deletes there, destroys restore points.
  void judge_repository() {
    good_ = "no rule of age";
    for (const LifecycleRule& rule : rules_) {
      if (!touches(rule)) continue;
      if (rule.expire_days || rule.expires_by_date) {
        destroys(
            fmt::format(
                "the rule '{}' deletes objects of the repository {}: newer snapshots name "
                "old packs, so they are destroyed with them",
                rule.id,
                rule.expire_days ? fmt::format("after {} days", *rule.expire_days) : "on a date"),
            put_rules(leftovers_rule()));
      } else if (rule.noncurrent_days && keeps_first_versions()) {
        destroys(
            fmt::format("the rule '{}' deletes older versions after {} days; this server lets a "
                        "put go over an object, and the older version is the object",
                        rule.id, *rule.noncurrent_days),
            put_rules(leftovers_rule()));
      }
    }
    if (!ages().abort && items_.empty())
      add(CheckResult::warning, "parts of uploads that were never completed stay until a prune",
          put_rules(leftovers_rule()));
  }

  void judge_dumps() {
    const int wanted = retain_days();
    const Ages found = ages();
    good_ = fmt::format("dumps are deleted after {} days, bytes and all", wanted);
    for (const LifecycleRule& rule : rules_) {
      const bool too_early = rule.expire_days && *rule.expire_days < wanted;
      if (!touches(rule) || (!too_early && !rule.expires_by_date)) continue;
      destroys(
          fmt::format("the rule '{}' deletes dumps {}, where the policy keeps them for {}", rule.id,
                      too_early ? fmt::format("after {} days", *rule.expire_days) : "on a date",
                      wanted),
          whole_rules());
    }
    if (!items_.empty()) return;
    if (!found.expire) {
      add(CheckResult::problem,
          fmt::format("no rule deletes dumps after {} days, as the policy says", wanted),
          whole_rules());
      return;
    }
    if (*found.expire > wanted) {
      add(CheckResult::problem,
          fmt::format("dumps are deleted after {} days, where the policy says {}", *found.expire,
                      wanted),
          whole_rules());
    }
    judge_versions(found);
    if (!found.abort)
      add(CheckResult::warning, "parts of uploads that were never completed stay for ever",
          whole_rules());
  }

  void judge_versions(const Ages& found) {
    if (posture_.versioned.value != true) return;
    if (!found.noncurrent) {
      add(CheckResult::problem,
          "expiry only hides dumps behind delete markers: no rule deletes older versions",
          whole_rules());
    } else if (keeps_first_versions() && !use_.lock) {
      add(CheckResult::warning,
          fmt::format("this server lets a put go over a dump, which is then an older version and "
                      "deleted after {} days",
                      *found.noncurrent),
          "lock dumps for a while (lock in the policy), or use a server that honours "
          "If-None-Match");
    }
    if (!found.removes_markers)
      add(CheckResult::warning, "delete markers with nothing below stay for ever", whole_rules());
  }

  const BucketUse& use_;
  const Posture& posture_;
  std::string prefix_;
  std::string good_;
  std::vector<LifecycleRule> rules_;
  std::vector<AgeItem> items_;
};

}  // namespace

std::vector<AgeItem> judge_lifecycle(const BucketUse& use, const Posture& posture) {
  return LifecycleJudge(use, posture).run();
}

}  // namespace app
