#include "documents/strategy.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "documents/monitoring.h"
#include "policy/duration.h"

namespace documents {

using base::Instant;
using monitor::StatusRow;

namespace {

const Evidence& evidence_of(const Facts& facts) {
  CHECK(facts.evidence);
  return *facts.evidence;
}

const StatusRow* status_of(const Evidence& evidence, std::string_view layer,
                           std::string_view tier) {
  const auto found = std::ranges::find_if(evidence.status.rows, [&](const StatusRow& row) {
    return row.layer == layer && row.tier == tier;
  });
  return found == evidence.status.rows.end() ? nullptr : &*found;
}

std::string sealed_with(const std::optional<policy::Encryption>& encryption) {
  if (!encryption) return ", in clear";
  return ", sealed with " + policy::print_key(encryption->key);
}

StrategyRow row_of(const Facts& facts, std::string_view layer, std::string_view tier) {
  const Evidence& evidence = evidence_of(facts);
  StrategyRow row;
  if (const StatusRow* status = status_of(evidence, layer, tier)) {
    row.state = status->state;
    row.last_success = status->last_success;
    row.newest_restorable = status->newest_restorable;
  }
  if (const Rehearsal* last = last_proven_restore(evidence, layer, tier)) row.proven = *last;
  return row;
}

void keep_in_repository(const Facts& facts, StrategyRow& row) {
  const policy::Policy& policy = facts.policy;
  const std::string place = place_in_words(policy.repository.store, {}, policy.s3);
  row.storage = "seawall's repository at " + place + sealed_with(policy.repository.encryption);
  row.copies = {place};
}

StrategyRow dumps_row(const Facts& facts, const policy::DumpTier& tier) {
  const policy::Policy& policy = facts.policy;
  StrategyRow row = row_of(facts, "dumps", tier.tier.name);
  row.layer = fmt::format("Logical dumps ({})", tier.tier.name);
  row.cadence = cadence_in_words(tier.tier.cadence, policy.timezone);
  row.retention = policy::describe_duration(tier.tier.retain);
  const std::string place = place_in_words(tier.store, {}, policy.s3);
  row.storage = place;
  if (tier.encryption && tier.encryption->mode == policy::DumpEncryptionMode::sse_kms) {
    row.storage += ", encrypted by the service with " + policy::print_key(tier.encryption->key);
  } else {
    row.storage += sealed_with(tier.encryption);
  }
  row.copies = {place};
  const auto dump = evidence_of(facts).dumps.find(tier.tier.name);
  const bool known = dump != evidence_of(facts).dumps.end();
  if (tier.replica) {
    const std::string copy = place_in_words(tier.replica->store, tier.replica->reach, policy.s3);
    row.storage += "; copied to " + copy;
    row.copies.push_back(fmt::format("{}: {}", copy, known ? dump->second.copy : "not known"));
  }
  if (known) row.locked_until = dump->second.lock;
  return row;
}

Text evidence_cell(const Facts& facts, const StrategyRow& row) {
  const policy::Zone& zone = facts.policy.timezone;
  const auto moment = [&](const std::optional<Instant>& at) -> Text {
    return at ? Text(minute_of(*at, zone)) : strong("never");
  };
  // Of a tier whose first slot is still to come there is nothing wrong, and nothing to restore.
  Text cell = row.state != "ok"   ? strong(row.state)
              : !row.last_success ? strong("nothing yet")
                                  : Text("ok");
  cell += line_break() + "last success " + moment(row.last_success);
  cell += line_break() + "newest restorable " + moment(row.newest_restorable);
  cell += line_break() + fmt::format("copies: {}", fmt::join(row.copies, "; "));
  cell += line_break() + (row.locked_until.empty() ? "no lock can be seen" : row.locked_until);
  cell += line_break() + "last proven restore: ";
  if (!row.proven) return cell + strong("not drilled yet");
  cell += fmt::format("{} ({}", minute_of(row.proven->at, zone), row.proven->kind);
  if (row.proven->rto) cell += fmt::format(", took {}", base::human_duration(*row.proven->rto));
  return cell + ")";
}

void write_table(const Facts& facts, Document& document) {
  document.heading("Primary database (Postgres)", "primary-database");
  document.paragraph("Database " + code(facts.database) + " on " + facts.server + ". Written on " +
                     minute_of(facts.now, facts.policy.timezone) + " from the policy " +
                     code(facts.policy_file) +
                     " and from what its repository and buckets hold; nothing in the column "
                     "Evidence is promised, all of it was looked at.");
  std::vector<std::vector<Text>> rows;
  for (const StrategyRow& row : strategy_rows(facts)) {
    rows.push_back({row.layer, row.cadence, row.retention, row.storage, evidence_cell(facts, row)});
  }
  document.table({"Layer", "Cadence", "Retention", "Storage", "Evidence"}, std::move(rows));
  const monitor::Status& status = evidence_of(facts).status;
  if (status.window_begins && status.last_transaction) {
    document.paragraph(fmt::format("Any second from {} to {} can be restored.",
                                   minute_of(*status.window_begins, facts.policy.timezone),
                                   minute_of(*status.last_transaction, facts.policy.timezone)));
  }
}

void write_findings(const Facts& facts, Document& document) {
  document.heading("What is wrong with it now", "findings");
  const std::vector<monitor::Finding>& findings = evidence_of(facts).status.findings;
  if (findings.empty()) {
    document.paragraph("Nothing that " + code("seawall status") + " knows of.");
    return;
  }
  std::vector<Text> items;
  for (const monitor::Finding& finding : findings) {
    items.push_back(strong(std::string(monitor::name(finding.severity))) + ": " + finding.what +
                    ". What to do: " + finding.remedy);
  }
  document.bullets(std::move(items));
}

void write_dumps(const Facts& facts, Document& document) {
  const policy::Policy& policy = facts.policy;
  for (const policy::DumpTier& tier : policy.layers.dumps) {
    document.heading(fmt::format("Logical dump details ({})", tier.tier.name),
                     "dumps-" + tier.tier.name);
    std::vector<Text> items;
    items.push_back(
        "Taken with " +
        code(fmt::format("pg_dump --format=custom --compress={} --no-owner --no-privileges",
                         tier.options.compress)) +
        "; owners, grants, roles and the rows of each table are recorded beside it");
    if (!tier.encryption) {
      items.push_back(strong("Not encrypted") + " by this policy");
    } else {
      items.push_back("Encrypted with the key " + code(policy::print_key(tier.encryption->key)) +
                      (tier.encryption->mode == policy::DumpEncryptionMode::sse_kms
                           ? ", by the service"
                           : ", before it leaves the host"));
    }
    items.push_back("File name: " + code(facts.database + "_<YYYY-MM-DD>.dump") +
                    ", the slot's date in " + policy.timezone.name());
    items.push_back("Stored at " + code(tier.store.url()) + "; expires after " +
                    policy::describe_duration(tier.tier.retain) + ", see " +
                    link("the retention policy", "docs/retention-policy"));
    if (tier.lock) {
      items.push_back(
          fmt::format("Locked ({}) for {} from when it is stored",
                      tier.lock->mode == policy::LockMode::compliance ? "compliance" : "governance",
                      policy::describe_duration(tier.lock->duration)));
    }
    items.push_back(
        "Write-once: seawall never overwrites, and only " + code("seawall prune") +
        (tier.store.kind == policy::Place::Kind::s3
             ? " deletes, with a credential of its own; that the writer's cannot is tried by " +
                   code("seawall probe write-once")
             : Text(" deletes; a folder has no role that would be kept from it")));
    if (tier.replica) {
      items.push_back("Copied to " + code(tier.replica->store.url()) +
                      (tier.replica->by == policy::Copier::store ? " by the service's replication"
                                                                 : " by seawall") +
                      ", at most " + policy::describe_duration(tier.replica->within) +
                      " behind; looked at in both cases");
    } else {
      items.push_back(strong("No copy in another region") + " is asked for by this policy");
    }
    document.bullets(std::move(items));
  }
}

void write_why(const Facts& facts, Document& document) {
  const policy::Policy& policy = facts.policy;
  const bool both = !policy.layers.snapshots.empty() && !policy.layers.dumps.empty();
  document.heading(both ? "Why both snapshots and logical dumps?" : "Why this way?", "why");
  const std::string owner = comment_above(facts.policy_text, "layers");
  if (!owner.empty()) {
    document.paragraph(owner);
  } else if (both) {
    document.paragraph(
        "Snapshots with the log behind them are the fastest way back, to any second. Logical dumps "
        "are a portable archive that stock tools restore onto another PostgreSQL, if the provider "
        "fails or we move.");
  }
  const Rehearsal* last = last_proven_restore(evidence_of(facts), "pitr", "");
  if (last != nullptr && last->rto) {
    document.paragraph(fmt::format("The last drill measured {} for {} of data.",
                                   base::human_duration(*last->rto),
                                   base::human_bytes(evidence_of(facts).cluster_bytes)));
  } else {
    document.paragraph(fmt::format("How long a restore of our {} takes has not been measured yet.",
                                   base::human_bytes(evidence_of(facts).cluster_bytes)));
  }
}

void write_uncovered(const Facts& facts, Document& document) {
  document.heading("S3 (file uploads) and configuration backups", "uncovered");
  document.paragraph(strong("Uncovered.") +
                     " Seawall does not back up uploaded files, secrets, templates or code yet; "
                     "this policy promises nothing about them. What the strategy asks for and "
                     "nobody carries out here:");
  if (facts.policy.uncovered.empty()) {
    document.paragraph("The policy's " + code("uncovered") + " names nothing.");
    return;
  }
  std::vector<std::vector<Text>> rows;
  for (const policy::Note& note : facts.policy.uncovered) {
    rows.push_back({Text(note.what), Text(note.why), strong("uncovered")});
  }
  document.table({"What", "Why", "State"}, std::move(rows));
}

void write_excluded(const Facts& facts, Document& document) {
  const policy::Exclusions& exclude = facts.policy.exclude;
  document.heading("What's deliberately NOT backed up", "not-backed-up");
  if (exclude.rows_of.empty() && exclude.notes.empty()) {
    document.paragraph("Nothing of the database is left out.");
    return;
  }
  if (!exclude.rows_of.empty()) {
    Text tables = "Rows of ";
    for (size_t i = 0; i < exclude.rows_of.size(); ++i)
      tables += (i == 0 ? Text() : Text(", ")) + code(exclude.rows_of[i].text());
    document.paragraph(tables +
                       ": the tables are there after a restore, and empty. Dumps leave their rows "
                       "out; a restored cluster is emptied of them before anyone may connect.");
    const std::string owner = comment_above(facts.policy_text, "rows_of");
    if (!owner.empty()) document.paragraph("Why: " + Text(owner));
  }
  std::vector<Text> items;
  for (const policy::Note& note : exclude.notes)
    items.push_back(strong(note.what) + ": " + note.why);
  if (!items.empty()) document.bullets(std::move(items));
}

void write_restore(const Facts& facts, Document& document) {
  document.heading("Restore procedure", "restore-procedure");
  document.paragraph("See " + link("the restore drill", "runbooks/restore-drill") +
                     " for the step-by-step procedure and the quarterly checklist, and " +
                     link("the incident runbook", "runbooks/incident#restore") +
                     " for the night it is needed. Keys and credentials: " +
                     link("secret rotation", "runbooks/secret-rotation") + ".");
  const policy::Objectives& objectives = facts.policy.objectives;
  if (!objectives.rto && !objectives.rpo) return;
  std::vector<Text> items;
  if (objectives.rto)
    items.push_back("Back within " + policy::describe_duration(*objectives.rto) + " (RTO)");
  if (objectives.rpo)
    items.push_back("At most " + policy::describe_duration(*objectives.rpo) +
                    " of work lost (RPO)");
  document.bullets(std::move(items));
}

base::Json time_or_null(const std::optional<Instant>& at) {
  return at ? base::Json(base::to_rfc3339(*at)) : base::Json(nullptr);
}

base::Json notes_json(const std::vector<policy::Note>& notes) {
  base::Json json = base::Json::array();
  for (const policy::Note& note : notes) json.push_back({{"what", note.what}, {"why", note.why}});
  return json;
}

}  // namespace

std::vector<StrategyRow> strategy_rows(const Facts& facts) {
  const policy::Policy& policy = facts.policy;
  std::vector<StrategyRow> rows;
  if (policy.layers.pitr) {
    StrategyRow row = row_of(facts, "pitr", "");
    row.layer = "Point-in-time recovery";
    row.cadence = "Continuous WAL archiving";
    if (policy.layers.pitr->receive)
      row.cadence +=
          ", streamed every " + policy::describe_duration(policy.layers.pitr->receive->flush);
    row.retention = policy::describe_duration(policy.layers.pitr->retain);
    keep_in_repository(facts, row);
    rows.push_back(std::move(row));
  }
  for (const policy::Tier& tier : policy.layers.snapshots) {
    StrategyRow row = row_of(facts, "snapshots", tier.name);
    row.layer = fmt::format("Snapshots ({})", tier.name);
    row.cadence = cadence_in_words(tier.cadence, policy.timezone);
    row.retention = policy::describe_duration(tier.retain);
    keep_in_repository(facts, row);
    rows.push_back(std::move(row));
  }
  for (const policy::DumpTier& tier : policy.layers.dumps) rows.push_back(dumps_row(facts, tier));
  return rows;
}

Document strategy(const Facts& facts) {
  Document document("backup-strategy", "Backup Strategy");
  write_table(facts, document);
  write_findings(facts, document);
  write_dumps(facts, document);
  write_why(facts, document);
  write_uncovered(facts, document);
  write_restore(facts, document);
  write_excluded(facts, document);
  write_monitoring(facts, document);
  return document;
}

base::Json strategy_json(const Facts& facts) {
  base::Json rows = base::Json::array();
  for (const StrategyRow& row : strategy_rows(facts)) {
    base::Json proven = nullptr;
    if (row.proven) proven = {{"kind", row.proven->kind}, {"at", base::to_rfc3339(row.proven->at)}};
    rows.push_back(
        {{"layer", row.layer},
         {"cadence", row.cadence},
         {"retention", row.retention},
         {"storage", row.storage},
         {"state", row.state},
         {"last_success", time_or_null(row.last_success)},
         {"newest_restorable", time_or_null(row.newest_restorable)},
         {"copies", row.copies},
         {"lock", row.locked_until.empty() ? base::Json(nullptr) : base::Json(row.locked_until)},
         {"last_proven_restore", std::move(proven)}});
  }
  base::Json tables = base::Json::array();
  for (const policy::TablePattern& pattern : facts.policy.exclude.rows_of)
    tables.push_back(pattern.text());
  return {{"at", base::to_rfc3339(facts.now)},
          {"policy", facts.policy.name},
          {"database", facts.database},
          {"rows", std::move(rows)},
          {"not_backed_up",
           {{"rows_of", std::move(tables)}, {"notes", notes_json(facts.policy.exclude.notes)}}},
          {"uncovered", notes_json(facts.policy.uncovered)},
          {"status", monitor::to_json(evidence_of(facts).status)}};
}

}  // namespace documents
