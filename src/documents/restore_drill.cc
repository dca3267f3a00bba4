#include <algorithm>

#include "documents/runbooks.h"
#include "policy/duration.h"
#include "policy/quarter.h"

namespace documents {

namespace {

std::string programs(const Facts& facts) {
  return fmt::format("PG_BIN=/usr/lib/postgresql/{}/bin", facts.major == 0 ? 15 : facts.major);
}

void write_when(const Facts& facts, Document& document) {
  document.heading("When, and what it has to prove", "when");
  std::vector<Text> items = {
      "Each quarter by hand, with the checklist below signed; this one by " +
          Text(policy::last_day(policy::quarter_at(facts.now, facts.policy.timezone))),
      "After each new major version of PostgreSQL, each move of the database, each rotation of a "
      "key"};
  if (facts.policy.drill && facts.policy.drill->weekly) {
    items.push_back("Each week by itself: " +
                    cadence_in_words(*facts.policy.drill->weekly, facts.policy.timezone));
  }
  const policy::Objectives& objectives = facts.policy.objectives;
  if (objectives.rto)
    items.push_back("The database is back within " + policy::describe_duration(*objectives.rto));
  if (objectives.rpo)
    items.push_back("At most " + policy::describe_duration(*objectives.rpo) + " of work is lost");
  if (facts.evidence) {
    items.push_back("Room for it: " + base::human_bytes(facts.evidence->cluster_bytes) +
                    " of files, and the log behind them");
  }
  document.bullets(std::move(items));
}

// What the daemon does each week, by hand: a checklist begins where it ends.
void write_rehearsal(const Facts& facts, Document& document) {
  if (!facts.policy.drill) return;
  document.heading("By machine", "by-machine");
  document.paragraph(
      "Each restores into a scratch server that nobody else reaches, asks it questions after a "
      "damaged copy has failed them, measures RTO and RPO, cleans up, and is kept. The exit status "
      "is 0 when it passed.");
  std::vector<std::string> commands;
  if (!facts.policy.layers.snapshots.empty()) commands.push_back("seawall drill latest");
  bool copies = false;
  for (const policy::DumpTier& tier : facts.policy.layers.dumps)
    copies = copies || tier.replica.has_value();
  if (!facts.policy.layers.dumps.empty()) commands.push_back("seawall drill dump");
  if (copies) commands.push_back("seawall drill replica");
  commands.push_back("seawall drill list");
  document.commands(std::move(commands));
  document.paragraph("The page to print and to keep is written by " +
                     code("seawall drill report -o drill.html") +
                     "; what follows here is the same by hand, for the day on which it must be.");
}

void write_physical(const Facts& facts, Document& document) {
  if (facts.policy.layers.snapshots.empty()) return;
  document.heading("Restore the cluster beside the live one", "physical");
  document.paragraph(
      "First what there is. The first command's exit status is 1 or 2 when it has "
      "something to say; read it.");
  document.commands({"seawall status", "seawall list", "seawall wal audit --names-only"});
  document.paragraph(
      "The plan, then the restore. The folder must not be there yet, and has room for the whole "
      "database. Note the time it takes: it is the RTO.");
  std::vector<std::string> restore = {"TARGET=/var/tmp/seawall-drill"};
  std::string spaces;
  if (facts.evidence) {
    for (const uint32_t oid : facts.evidence->tablespaces)
      spaces += fmt::format(" --tablespace {0}=\"$TARGET.spaces/{0}\"", oid);
  }
  restore.push_back("seawall restore --at latest --to \"$TARGET\"" + spaces + " --dry-run");
  restore.push_back("time seawall restore --at latest --to \"$TARGET\"" + spaces);
  document.commands(std::move(restore));
  document.paragraph(
      "Start it where nobody else reaches it: no TCP, a socket in a folder of its own, none of its "
      "own settings, no archiving. Then ask it.");
  document.commands(
      {programs(facts), "TARGET=/var/tmp/seawall-drill", "SOCKET=/var/tmp/seawall-drill.socket",
       "mkdir -m 700 \"$SOCKET\"", "echo 'local all all trust' > \"$SOCKET/hba.conf\"",
       "touch \"$SOCKET/postgresql.conf\" \"$SOCKET/ident.conf\"",
       "\"$PG_BIN/pg_ctl\" -D \"$TARGET\" -l \"$SOCKET/log\" -w -o \"-c "
       "config_file=$SOCKET/postgresql.conf -c hba_file=$SOCKET/hba.conf -c "
       "ident_file=$SOCKET/ident.conf -c listen_addresses= -c unix_socket_directories=$SOCKET -c "
       "port=5432 -c archive_mode=off -c shared_preload_libraries= -c "
       "max_logical_replication_workers=0\" start",
       fmt::format("psql -h \"$SOCKET\" -p 5432 -d {} -c 'select pg_is_in_recovery(), now()'",
                   shell_word(facts.database)),
       fmt::format(
           "psql -h \"$SOCKET\" -p 5432 -d {} -c \"select oid::regclass, reltuples from pg_class "
           "where relkind = 'r' order by relpages desc limit 20\"",
           shell_word(facts.database))});
  document.paragraph("When its answers are noted, stop it and remove it.");
  document.commands({programs(facts), "TARGET=/var/tmp/seawall-drill",
                     "SOCKET=/var/tmp/seawall-drill.socket",
                     "\"$PG_BIN/pg_ctl\" -D \"$TARGET\" -m fast -w stop",
                     "rm -rf \"$TARGET\" \"$TARGET.spaces\" \"$SOCKET\""});
}

void write_dump(const Facts& facts, Document& document) {
  if (facts.policy.layers.dumps.empty()) return;
  document.heading("Restore the newest dump into an empty database", "dump");
  document.paragraph(
      "Into any server, of this major version or a newer one; every table is counted and compared "
      "with what was recorded when the dump was taken, and the exit status tells.");
  const bool several = facts.policy.layers.dumps.size() > 1;
  for (const policy::DumpTier& tier : facts.policy.layers.dumps) {
    const std::string which = several ? " --tier " + shell_word(tier.tier.name) : "";
    document.commands(
        {"SCRATCH=postgresql:///drill", "seawall list",
         fmt::format("seawall restore dump latest{} --into \"$SCRATCH\" --create", which)});
    if (!tier.replica) continue;
    document.paragraph("The same from the copy in the other region, " +
                       code(tier.replica->store.url()) +
                       ", with its own key and nothing of the first region:");
    document.commands({"SCRATCH=postgresql:///drill_of_the_copy", "seawall list --from-replica",
                       fmt::format("seawall restore dump latest{} --from-replica --into "
                                   "\"$SCRATCH\" --create",
                                   which)});
  }
  document.paragraph("Drop what was restored when it was looked at.");
}

void write_checklist(const Facts& facts, Document& document) {
  const policy::Policy& policy = facts.policy;
  document.heading(
      "Quarterly checklist: " + policy::to_string(policy::quarter_at(facts.now, policy.timezone)),
      "checklist");
  std::vector<Text> boxes = {
      "The person who does it did not do the last one",
      "The policy, the keys and the credentials were had from where they are kept, not from the "
      "database's host",
      code("seawall check") + " has no problems, " + code("seawall status") +
          " no critical finding",
      code("seawall verify") + " ended with 0"};
  if (!policy.layers.snapshots.empty()) {
    boxes.push_back(
        "The cluster was restored to the end of the log; it took ........ " +
        Text(policy.objectives.rto
                 ? "(allowed: " + policy::describe_duration(*policy.objectives.rto) + ")"
                 : ""));
    boxes.push_back(
        "Its last transaction was ........ old when the log ended " +
        Text(policy.objectives.rpo
                 ? "(allowed: " + policy::describe_duration(*policy.objectives.rpo) + ")"
                 : ""));
    boxes.push_back("A random second of the recovery window was restored, too: ........");
  }
  if (!policy.exclude.rows_of.empty()) {
    Text tables;
    for (size_t i = 0; i < policy.exclude.rows_of.size(); ++i)
      tables += (i == 0 ? Text() : Text(", ")) + code(policy.exclude.rows_of[i].text());
    boxes.push_back("Tables that must not come back are empty: " + tables);
  }
  boxes.push_back(
      "Tables that must come back are not empty, and the newest row in them is as old as "
      "expected");
  for (const policy::DumpTier& tier : policy.layers.dumps) {
    boxes.push_back("The newest dump of " + Text(tier.tier.name) +
                    " was restored, and every table compared equal");
    if (tier.replica) boxes.push_back("So was its copy at " + code(tier.replica->store.url()));
  }
  boxes.push_back("The application started on what was restored and somebody logged in");
  boxes.push_back("What was restored for the drill is removed");
  if (policy.drill && policy.drill->quarterly)
    boxes.push_back("It is signed off: " + code("seawall drill sign-off --by NAME"));
  boxes.push_back("What was missing on this page is written down: ........");
  document.boxes(std::move(boxes));
  document.table({"Done by", "Date", "Result", "RTO measured", "RPO measured", "Signed"},
                 {{"", "", "", "", "", ""}});
}

void write_results(const Facts& facts, Document& document) {
  document.heading("Results so far", "results");
  if (!facts.evidence) {
    document.paragraph(strong("Not read:") + " " + facts.why_none);
    return;
  }
  const policy::Zone& zone = facts.policy.timezone;
  if (facts.evidence->rehearsals.empty()) {
    document.paragraph(strong("Not drilled yet.") + " The repository has no record of a drill.");
  } else {
    std::vector<std::vector<Text>> rows;
    const std::vector<Rehearsal>& all = facts.evidence->rehearsals;
    constexpr size_t shown_max = 20;
    for (size_t i = all.size(); i-- > 0 && rows.size() < shown_max;) {
      rows.push_back({minute_of(all[i].at, zone), all[i].kind,
                      all[i].passed ? Text("passed") : strong("failed") + ": " + all[i].why,
                      all[i].rto ? base::human_duration(*all[i].rto) : "",
                      all[i].rpo ? base::human_duration(*all[i].rpo) : ""});
    }
    document.table({"When", "Kind", "Verdict", "RTO", "RPO"}, std::move(rows));
  }
  document.heading("Sign-offs", "sign-offs", 3);
  std::vector<std::vector<Text>> rows;
  for (const SignOff& one : facts.evidence->sign_offs)
    rows.push_back({one.quarter, one.by, minute_of(one.at, zone), one.note});
  if (rows.empty()) {
    document.paragraph("No quarter has been signed off.");
  } else {
    document.table({"Quarter", "By", "When", "Note"}, std::move(rows));
  }
}

}  // namespace

Document restore_drill(const Facts& facts) {
  Document document("runbooks/restore-drill", "Restore drill");
  write_opening(facts, document);
  write_when(facts, document);
  write_rehearsal(facts, document);
  write_physical(facts, document);
  write_dump(facts, document);
  write_checklist(facts, document);
  write_results(facts, document);
  document.heading("See also", "see-also");
  document.paragraph(link("The backup strategy", "backup-strategy") + ", " +
                     link("incidents", "runbooks/incident") + ", " +
                     link("what is kept and how long", "docs/retention-policy") + ".");
  return document;
}

}  // namespace documents
