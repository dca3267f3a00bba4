#include "documents/runbooks.h"
#include "policy/duration.h"

namespace documents {

namespace {

// What removes a dump when its time has come.
Text expired_by(const policy::DumpTier& tier) {
  if (tier.store.kind != policy::Place::Kind::s3) return code("seawall prune");
  return "the bucket's lifecycle rule, or " + code("seawall prune") + ", whichever comes first";
}

void write_table(const Facts& facts, Document& document) {
  const policy::Policy& policy = facts.policy;
  std::vector<std::vector<Text>> rows;
  if (policy.layers.pitr) {
    rows.push_back({"Log for point-in-time recovery",
                    policy::describe_duration(policy.layers.pitr->retain),
                    "the recovery window: any second of it", code("seawall prune"), "none"});
  }
  for (const policy::Tier& tier : policy.layers.snapshots) {
    rows.push_back({"Snapshots (" + tier.name + ")", policy::describe_duration(tier.retain),
                    cadence_in_words(tier.cadence, policy.timezone), code("seawall prune"),
                    "none"});
  }
  for (const policy::DumpTier& tier : policy.layers.dumps) {
    rows.push_back(
        {"Logical dumps (" + tier.tier.name + ")", policy::describe_duration(tier.tier.retain),
         cadence_in_words(tier.tier.cadence, policy.timezone), expired_by(tier),
         tier.lock ? fmt::format("{}, {}",
                                 tier.lock->mode == policy::LockMode::compliance ? "compliance"
                                                                                 : "governance",
                                 policy::describe_duration(tier.lock->duration))
                   : "none"});
  }
  document.table({"What", "Kept for", "Made", "Removed by", "Lock"}, std::move(rows));
  document.paragraph("Counted from the time each was due, in " + policy.timezone.name() +
                     ", not from when it was done. A day has 24 hours, a year 365 days.");
}

}  // namespace

Document retention_policy(const Facts& facts) {
  Document document("docs/retention-policy", "Retention policy");
  write_opening(facts, document);
  document.heading("What is kept, and how long", "kept");
  write_table(facts, document);
  document.heading("What is never let go, whatever its age", "never");
  document.bullets(
      {"The last good one of each tier",
       "One snapshot that is older than the recovery window, and all log since",
       "The log that a kept snapshot needs for itself",
       "Anything while a snapshot's root cannot be read: nobody knows then what it needs"});
  document.heading("What else holds data", "else");
  std::vector<Text> items = {"Uploaded files and their tags (" + code("retention=5y") +
                             ", audit-linked files for 7 years): " + strong("uncovered") +
                             ", this policy carries out nothing of it"};
  if (!facts.policy.exclude.rows_of.empty())
    items.push_back("Rows that are not backed up at all: " +
                    link("the strategy lists them", "backup-strategy#not-backed-up"));
  items.push_back("Rows deleted from the database stay in backups until those go: at most " +
                  link("the longest of the times above", "#kept"));
  document.bullets(std::move(items));
  document.heading("Look, and let go", "prune");
  document.paragraph(
      "The first shows what would go and the reason for each thing that stays; nothing is changed. "
      "The second does it in two steps: what is condemned now is removed by a later one. Run it "
      "with "
      "the pruner's credential, by a schedule of its own.");
  document.commands({"seawall prune", "seawall prune --apply"});
  document.heading("See also", "see-also");
  document.paragraph(link("The backup strategy", "backup-strategy") + ", " +
                     link("retention trouble", "runbooks/incident#retention") + ".");
  return document;
}

}  // namespace documents
