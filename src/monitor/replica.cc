#include "monitor/replica.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/time.h"

namespace monitor {

using base::Instant;

namespace {

constexpr size_t names_max = 5;

class ReplicaJudge {
 public:
  ReplicaJudge(const ReplicaState& replica, Instant now) : replica_(replica), now_(now) {}

  std::vector<Finding> run() {
    if (!replica_.unreachable.empty()) {
      find(
          Severity::critical, "unreachable",
          fmt::format("cannot be looked at: {}", replica_.unreachable),
          "look at its service, at the network, and at what this credential may; until then nobody "
          "knows of a copy in another region");
      return std::move(findings_);
    }
    judge_missing();
    judge_damaged();
    if (!replica_.copies.empty()) judge_newest(replica_.copies.back());
    if (!replica_.failed.empty()) {
      find(Severity::warning, "lacks",
           fmt::format("the last run could not copy: {}", replica_.failed), copy_command());
    }
    return std::move(findings_);
  }

 private:
  // `trouble` is the kind of it, for the finding's key.
  void find(Severity severity, std::string_view trouble, const std::string& what,
            std::string remedy) {
    findings_.push_back(
        {.severity = severity,
         .what = fmt::format("dumps {}: the replica {} {}", replica_.tier, replica_.url, what),
         .remedy = std::move(remedy),
         .key = fmt::format("replica:{}-{}", replica_.tier, trouble),
         .section = "replica"});
  }

  std::string copy_command() const {
    return replica_.by == policy::Copier::store
               ? "the service replicates by itself: 'seawall check' looks at its rule; what it was "
                 "once told FAILED it does not try again"
               : fmt::format(
                     "seawall replicate dumps --tier {}, with a credential that may read "
                     "dumps and write there",
                     replica_.tier);
  }

  static std::string listed(const std::vector<std::string>& names) {
    const size_t from = names.size() > names_max ? names.size() - names_max : 0;
    const std::vector<std::string> last(names.begin() + static_cast<ptrdiff_t>(from), names.end());
    return fmt::format("{}{}", from > 0 ? fmt::format("{} more and ", from) : "",
                       fmt::join(last, ", "));
  }

  void judge_missing() {
    std::vector<std::string> missing;
    std::string said;
    for (const DumpCopy& copy : replica_.copies) {
      if (copy.copy_size || now_ - copy.stored <= replica_.within) continue;
      missing.push_back(copy.name.text());
      if (!copy.replication.empty())
        said = fmt::format("; the service says {} of the last", copy.replication);
    }
    if (missing.empty()) return;
    find(Severity::critical, "lacks",
         fmt::format("lacks {} after more than {}{}", listed(missing),
                     base::human_duration(replica_.within), said),
         copy_command());
  }

  void judge_damaged() {
    for (const DumpCopy& copy : replica_.copies) {
      if (!copy.copy_size || *copy.copy_size == copy.size) continue;
      find(Severity::critical, "differs",
           fmt::format("has {} with {} bytes, where the dump has {}", copy.name.text(),
                       *copy.copy_size, copy.size),
           "somebody else writes there, or it was changed: look at both objects");
    }
  }

  void judge_newest(const DumpCopy& newest) {
    const std::string name = newest.name.text();
    if (newest.replication == "FAILED" && !newest.copy_size) {
      find(Severity::critical, "lacks",
           fmt::format("will not get {}: the service says FAILED", name),
           "mend the rule or the replica's key, then put the dump there again: FAILED is final");
    }
    if (!newest.copy_size) return;
    if (newest.same == false) {
      find(Severity::critical, "differs",
           fmt::format("has other bytes than the dump under {}", name),
           "'seawall verify --replicas' reads it whole; somebody else writes there, or it was "
           "changed");
    } else if (!newest.same && !newest.unproven.empty()) {
      find(Severity::notice, "unproven",
           fmt::format("has {} with the same size; more is unproven: {}", name, newest.unproven),
           "'seawall verify --replicas', with the credential of who restores, reads it whole");
    }
    const base::Duration late = newest.copied - newest.stored;
    if (late > replica_.within) {
      find(Severity::warning, "late",
           fmt::format("got {} after {}, where the policy says {}", name,
                       base::human_duration(late), base::human_duration(replica_.within)),
           "find out what held it up: until then there was one copy");
    }
  }

  const ReplicaState& replica_;
  Instant now_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> judge_replica(const ReplicaState& replica, Instant now) {
  return ReplicaJudge(replica, now).run();
}

}  // namespace monitor
