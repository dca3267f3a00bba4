#include <algorithm>

#include "documents/runbooks.h"
#include "monitor/runbook_sections.h"
#include "policy/duration.h"

namespace documents {

namespace {

namespace sections = monitor::runbook;

std::string window_of(const policy::Policy& policy) {
  return policy.layers.pitr ? policy::describe_duration(policy.layers.pitr->retain) : "no window";
}

// A section: what it looks like, what it means, what to type, what then.
struct Section {
  std::string_view anchor;
  Text title;
  Text seen;
  Text means;
  std::vector<std::string> commands{};
  std::vector<Text> then{};
};

void write(const Section& section, Document& document) {
  for (const sections::Also& also : sections::also) {
    if (also.section == section.anchor) document.anchor(std::string(also.anchor));
  }
  document.heading(section.title, std::string(section.anchor));
  document.paragraph(strong("Seen as:") + " " + section.seen);
  document.paragraph(strong("It means:") + " " + section.means);
  if (!section.commands.empty()) document.commands(section.commands);
  if (!section.then.empty()) document.bullets(section.then);
}

Section missed_backup(const Facts& facts) {
  Section section{.anchor = sections::missed_backup,
                  .title = "A backup was missed",
                  .seen = "a tier whose slot has no valid result by its time: missed, or late",
                  .means =
                      "Nothing is lost yet. Until it is made good, the newest restore point of "
                      "that tier is a slot older than promised."};
  section.commands.push_back("seawall status");
  for (const policy::Tier& tier : facts.policy.layers.snapshots)
    section.commands.push_back("seawall backup snapshots --tier " + shell_word(tier.name));
  for (const policy::DumpTier& tier : facts.policy.layers.dumps)
    section.commands.push_back("seawall backup dumps --tier " + shell_word(tier.tier.name));
  section.then = {
      "A tier that has its result says so and ends with 0; running these is always safe",
      "Exit code 5 (conflict): another host is at it. Wait for it",
      "The run's own record has the error: " + code("seawall --json status") +
          ", and the log of whatever started it"};
  return section;
}

Section wal_not_archived(const Facts& facts) {
  Section section{
      .anchor = sections::wal_not_archived,
      .title = "The log is not archived",
      .seen = "holes, an archiver that fails, a last transaction that grows old",
      .means = "Each minute of it is a minute of work that a lost host takes along" +
               Text(facts.policy.objectives.rpo
                        ? "; allowed is " + policy::describe_duration(*facts.policy.objectives.rpo)
                        : "") +
               ". The segments wait in pg_wal, and its disk fills.",
      .commands = {"psql " + shell_word(facts.psql) +
                       " -c 'select archived_count, last_archived_wal, last_archived_time, "
                       "failed_count, last_failed_wal, last_failed_time from pg_stat_archiver'",
                   "psql " + shell_word(facts.psql) + " -c 'show archive_command'", "seawall check",
                   "seawall wal audit --names-only"}};
  section.then = {"The server's log has the words of " + code("seawall wal push") + ", with a hint",
                  "After it is mended PostgreSQL goes on by itself. If there is a hole, take a "
                  "snapshot: moments "
                  "behind a hole can only be reached from a snapshot behind it",
                  "Never delete files in pg_wal"};
  return section;
}

Section replica_behind(const Facts& facts) {
  Section section{.anchor = sections::replica_behind,
                  .title = "The other region is behind",
                  .seen = "the newest dump has no copy, another copy, or one that came late",
                  .means = "If the first region is lost now, the newest dump is lost with it."};
  bool any = false;
  for (const policy::DumpTier& tier : facts.policy.layers.dumps) {
    if (!tier.replica) continue;
    any = true;
    section.then.push_back("Dumps of " + Text(tier.tier.name) + ": from " + code(tier.store.url()) +
                           " to " + code(tier.replica->store.url()) +
                           (tier.replica->by == policy::Copier::store
                                ? ", copied by the service: look at its replication rule and role"
                                : ", copied by seawall"));
  }
  if (any) {
    section.commands = {"seawall list", "seawall replicate dumps",
                        "seawall verify --replicas --no-record"};
  } else {
    section.then = {strong("This policy asks for no copy in another region.")};
  }
  return section;
}

Section key_refused(const Facts& facts) {
  Section section{.anchor = sections::key_refused,
                  .title = "A key is refused",
                  .seen =
                      "denied, with the words of the key service: disabled, no such key, not "
                      "allowed; or a key file that is not there",
                  .means =
                      "For up to an hour writers go on with keys they have. Then nothing is "
                      "stored any more, and nothing can be restored."};
  if (facts.policy.repository.encryption) {
    section.then.push_back("The repository's key is " +
                           code(policy::print_key(facts.policy.repository.encryption->key)));
  }
  for (const policy::DumpTier& tier : facts.policy.layers.dumps) {
    if (tier.encryption)
      section.then.push_back("Dumps of " + Text(tier.tier.name) + ": " +
                             code(policy::print_key(tier.encryption->key)));
  }
  section.commands = {"seawall check", "seawall list"};
  section.then.push_back(
      "A key that is disabled or waits for its deletion can be enabled again: do "
      "that first. A key that is destroyed takes with it all that only it opens");
  section.then.push_back("A lost key file: its copy is where " +
                         link("secret rotation", "runbooks/secret-rotation#key") + " had it put");
  return section;
}

Section store_unreachable(const Facts& facts) {
  Section section{
      .anchor = sections::store_unreachable,
      .title = "A store cannot be reached",
      .seen = "unavailable, after all retries; or denied, when a credential has expired",
      .means =
          "Nothing new is stored. What is there is as it was. The log waits in "
          "pg_wal.",
      .commands = {"seawall check", "df -h"}};
  section.then.push_back("The repository is at " + code(facts.policy.repository.store.url()));
  for (const policy::DumpTier& tier : facts.policy.layers.dumps)
    section.then.push_back("Dumps of " + Text(tier.tier.name) + " are at " +
                           code(tier.store.url()));
  section.then.push_back("Watch the room in pg_wal meanwhile: " +
                         link("the disk fills", "#" + std::string(sections::disk_filling)));
  section.then.push_back(
      "The whole region is gone: " + link("restore", "#" + std::string(sections::restore)) +
      " from the other one");
  return section;
}

Section damaged_object(const Facts& facts) {
  Section section{.anchor = sections::damaged_object,
                  .title = "An object is damaged",
                  .seen = "corrupt, naming the object; or a finding of verify",
                  .means =
                      "The snapshots or the stretch of log that need it cannot be restored. "
                      "Others can.",
                  .commands = {"seawall verify"}};
  if (!facts.policy.layers.snapshots.empty()) {
    section.commands.push_back("seawall backup snapshots");
    section.then.push_back("The new snapshot stores again what was damaged, and can be restored");
  }
  if (facts.policy.layers.pitr) {
    section.commands.push_back("seawall wal audit --names-only");
    section.then.push_back("A damaged segment of the log is a hole: see " +
                           link("the log", "#" + std::string(sections::wal_not_archived)));
  }
  section.then.push_back(
      "Bring the object back from a copy or an older version of it if the store "
      "has one. Then find out what the storage did: one is seldom alone");
  section.then.push_back(
      "Damaged pages of the database itself are another matter: nothing may be "
      "pruned until it is known since when");
  return section;
}

Section drill_failed(const Facts& facts) {
  static_cast<void>(facts);
  return {.anchor = sections::drill_failed,
          .title = "A drill failed, or is due",
          .seen =
              "a rehearsed restore that did not end well, took too long or lost too much; or a "
              "quarter that nobody signed off",
          .means =
              "Until it passes, nobody knows that the backups can be restored. Treat it as if "
              "they could not.",
          .commands = {"seawall status", "seawall verify"},
          .then = {"Do it by hand, step by step: " + link("the drill", "runbooks/restore-drill"),
                   "What failed is in its record, by name: the step, the check, what was seen",
                   "Take a new snapshot and a new dump at once, and drill those"}};
}

Section probe_failed(const Facts& facts) {
  Section section{.anchor = sections::probe_failed,
                  .title = "The writer can destroy backups",
                  .seen = "a probe of write-once that was not refused, or could not prove it",
                  .means =
                      "Whoever has the database host's credential can delete the backups too. "
                      "Nothing is lost yet."};
  if (in_buckets(facts.policy)) {
    section.commands = {"seawall probe write-once", "seawall policy iam"};
    section.then = {"Give the writer no more than " + code("seawall policy iam writer") +
                        " prints, and the buckets their policies",
                    "If the host is not trusted any more: " +
                        link("replace its credential", "runbooks/secret-rotation#credentials") +
                        " first"};
  } else {
    section.then = {
        "This policy keeps everything in folders, which have no such protection; who may "
        "write there may delete"};
  }
  return section;
}

Section retention(const Facts& facts) {
  Section section{
      .anchor = sections::retention,
      .title = "Too much is kept, or too little",
      .seen =
          "dumps older than their retention, a rule of age on the wrong bucket, kept below "
          "expected",
      .means =
          "Too much costs money and keeps data longer than promised. Too little is lost for "
          "good: a rule of age on a repository destroys snapshots that still need old objects.",
      .commands = {"seawall check", "seawall prune"},
      .then = {"Take a wrong rule of age off the bucket before anything else",
               "What is promised: " + link("the retention policy", "docs/retention-policy")}};
  static_cast<void>(facts);
  return section;
}

Section disk_filling(const Facts& facts) {
  return {.anchor = sections::disk_filling,
          .title = "The disk fills",
          .seen = "full, or pg_wal that grows",
          .means =
              "When the disk of pg_wal is full, PostgreSQL stops. Nothing that was committed is "
              "lost by that.",
          .commands = {"df -h",
                       "psql " + shell_word(facts.psql) +
                           " -c \"select count(*), pg_size_pretty(sum(size)) from pg_ls_waldir()\"",
                       "psql " + shell_word(facts.psql) +
                           " -c 'select slot_name, active, restart_lsn from pg_replication_slots'",
                       "seawall check"},
          .then = {"Mend what keeps the log: the archiver, or a slot that nobody reads any more",
                   "Give the file system room. Never delete in pg_wal by hand",
                   "A repository in a folder that is full: " + code("seawall prune --apply") +
                       " frees what may go, in two steps; more room is quicker"}};
}

Section clock(const Facts& facts) {
  static_cast<void>(facts);
  return {.anchor = sections::clock,
          .title = "A clock is wrong",
          .seen = "a host whose clock is more than a minute off the store's",
          .means =
              "That host may not claim runs and may not prune. Commit times in the log are "
              "wrong by as much, and so are restores to a time.",
          .commands = {"date -u", "seawall check"},
          .then = {"Mend the clock (NTP) first; then run what was missed: " +
                       link("missed backups", "#" + std::string(sections::missed_backup)),
                   "To restore across it, use a position or a transaction in place of a time"}};
}

Section daemon(const Facts& facts) {
  static_cast<void>(facts);
  return {
      .anchor = sections::daemon,
      .title = "Whoever carries the policy out is stuck, or stopped",
      .seen = "no row has been written by it for minutes, or it does not answer",
      .means =
          "Runs will be missed from the next slot on. PostgreSQL goes on archiving by "
          "itself.",
      .commands = {"seawall status", "seawall run --once"},
      .then = {"The second does what is due now, and ends",
               "Start it again with the host's service manager; what it had claimed is taken up by "
               "the next attempt",
               "Runs that failed, one by one: " +
                   link("missed backups", "#" + std::string(sections::missed_backup))}};
}

Section alerts(const Facts& facts) {
  static_cast<void>(facts);
  return {.anchor = sections::alerts,
          .title = "An alert could not be delivered",
          .seen = "a route that refuses, or does not answer; a heartbeat that is not taken",
          .means = "The next thing that goes wrong may reach nobody.",
          .commands = {"seawall status"},
          .then = {"Is the secret still good? " +
                       link("What there is", "runbooks/secret-rotation#secrets"),
                   "Look at " + code("seawall status") + " by hand until it is mended"}};
}

void write_restore(const Facts& facts, Document& document) {
  const policy::Policy& policy = facts.policy;
  document.heading("Restore in earnest", std::string(sections::restore));
  document.paragraph(
      "Nothing below touches the repository, nor a folder that is not empty. First "
      "stop what does the harm, and write down the time: it is now the newest moment "
      "that anyone may want back.");
  if (!policy.layers.snapshots.empty()) {
    document.heading("Somebody changed or deleted the wrong rows", "restore-rows", 3);
    document.paragraph(
        "Which transaction was it? The log tells, without restoring anything. Any "
        "second of the last " +
        Text(window_of(policy)) + " can be brought back.");
    document.commands({"seawall rescue transactions --since 1h --top 20"});
    document.paragraph("One table, as it was before, beside the one that is there:");
    document.commands(
        {"MOMENT='2026-11-22 14:03:06 " + policy.timezone.name() + "'", "TABLE=public.clients",
         "seawall restore table \"$TABLE\" --at \"$MOMENT\" --into " + shell_word(facts.psql)});
    document.heading("The whole cluster", "restore-cluster", 3);
    document.paragraph("Guided, with the plan first and every step asked:");
    document.commands({"seawall rescue"});
    document.paragraph("Or directly, into a new folder:");
    document.commands({"MOMENT='2026-11-22 14:03:06 " + policy.timezone.name() + "'",
                       "TARGET=/var/lib/postgresql/restored",
                       "seawall restore --at \"$MOMENT\" --to \"$TARGET\" --dry-run",
                       "seawall restore --at \"$MOMENT\" --to \"$TARGET\""});
    document.paragraph(
        "It is scrubbed, shut down and does not archive. Start it with nobody let in but you, "
        "look, "
        "and only when it takes the old one's place, and the old one is stopped for good: " +
        code("ALTER SYSTEM RESET archive_mode") + ", restart, and take a snapshot.");
  }
  bool replica = false;
  for (const policy::DumpTier& tier : policy.layers.dumps)
    replica = replica || tier.replica.has_value();
  if (!policy.layers.dumps.empty()) {
    document.heading("From a dump", "restore-dump", 3);
    document.paragraph("Onto another host, provider or major version:");
    document.commands({"NEW=postgresql:///again", "seawall list",
                       "seawall restore dump latest --tier " +
                           shell_word(policy.layers.dumps[0].tier.name) +
                           " --into \"$NEW\" --create"});
  }
  if (replica) {
    document.heading("The region is gone", "restore-region", 3);
    for (const policy::DumpTier& tier : policy.layers.dumps) {
      if (!tier.replica) continue;
      document.paragraph("From " + code(tier.replica->store.url()) +
                         "; nothing of the first region is asked, neither store nor key.");
      document.commands({"NEW=postgresql:///again_elsewhere",
                         "seawall restore dump latest --from-replica --tier " +
                             shell_word(tier.tier.name) + " --into \"$NEW\" --create"});
    }
  }
  document.paragraph(
      "Afterwards: write down how long it took and what was missing here, and sign "
      "off a " +
      link("drill", "runbooks/restore-drill") + " within the week.");
}

}  // namespace

Document incident(const Facts& facts) {
  Document document("runbooks/incident", "Incidents");
  write_opening(facts, document);
  const std::vector<Section> all = {missed_backup(facts),
                                    wal_not_archived(facts),
                                    replica_behind(facts),
                                    key_refused(facts),
                                    store_unreachable(facts),
                                    damaged_object(facts),
                                    drill_failed(facts),
                                    probe_failed(facts),
                                    retention(facts),
                                    disk_filling(facts),
                                    clock(facts),
                                    daemon(facts),
                                    alerts(facts)};
  std::vector<Text> contents;
  for (const Section& section : all)
    contents.push_back(link(section.title.plain(), "#" + std::string(section.anchor)));
  contents.push_back(link("Restore in earnest", "#" + std::string(sections::restore)));
  document.bullets(std::move(contents));
  for (const Section& section : all) write(section, document);
  write_restore(facts, document);
  return document;
}

}  // namespace documents
