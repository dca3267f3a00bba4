#include "monitor/metrics.h"

#include <fmt/format.h>

namespace monitor {

using base::Duration;
using base::Instant;

namespace {

using Labels = std::vector<std::pair<std::string_view, std::string>>;

std::string escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

// Families in the order in which they were first named, each with all its samples.
class Exposition {
 public:
  void family(const char* name, const char* type, const char* help) {
    families_.push_back(
        {name, fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type), {}});
  }
  void add(std::string_view name, const Labels& labels, double value) {
    for (Family& family : families_) {
      if (family.name != name) continue;
      std::string text;
      for (const auto& [label, of] : labels)
        text += fmt::format("{}{}=\"{}\"", text.empty() ? "" : ",", label, escaped(of));
      family.samples += fmt::format("{}{{{}}} {}\n", name, text, value);
      return;
    }
    CHECK(false);  // a name that family() was not told
  }
  std::string text() const {
    std::string all;
    for (const Family& family : families_) {
      if (!family.samples.empty()) all += family.head + family.samples;
    }
    return all;
  }

 private:
  struct Family {
    std::string name;
    std::string head;
    std::string samples;
  };
  std::vector<Family> families_;
};

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

void name_families(Exposition& out) {
  const auto gauge = [&](const char* name, const char* help) { out.family(name, "gauge", help); };
  gauge("seawall_build_info", "The program that this comes from; always 1.");
  gauge("seawall_last_look_timestamp_seconds", "When the backups were last looked at.");
  gauge("seawall_repository_readable",
        "1 if the last look could judge the repository, 0 if it could not be read.");
  gauge("seawall_last_success_timestamp_seconds",
        "End of the newest good run; of pitr, when WAL was last stored.");
  gauge("seawall_last_success_age_seconds", "How long ago that was.");
  gauge("seawall_next_due_timestamp_seconds", "When the next run is due.");
  gauge("seawall_missed", "1 if the newest run that was due is missed.");
  gauge("seawall_kept", "Restore points that are there.");
  gauge("seawall_expected", "Restore points that the policy promises by now.");
  gauge("seawall_run_duration_seconds", "How long the newest run that ended took.");
  gauge("seawall_run_bytes", "What the newest run that ended well stored.");
  gauge("seawall_run_failed", "1 if the newest run that ended failed.");
  gauge("seawall_rpo_seconds", "How much a loss of the database would take now.");
  gauge("seawall_rpo_objective_seconds", "The objective for it.");
  gauge("seawall_recovery_window_begin_timestamp_seconds",
        "From here on any second can be restored.");
  gauge("seawall_recovery_window_end_timestamp_seconds",
        "The newest transaction that can be restored.");
  gauge("seawall_database_bytes", "Size of the database's files in the newest snapshot.");
  gauge("seawall_replica_missing_dumps", "Dumps that are not in the other region.");
  gauge("seawall_findings", "What is wrong, by severity.");
  gauge("seawall_alerts_open", "Alerts that are not resolved.");
  gauge("seawall_server_reachable", "1 if the database server could be asked.");
  gauge("seawall_wal_ready_files", "WAL segments that wait for the archiver.");
  gauge("seawall_wal_bytes", "Size of pg_wal.");
  gauge("seawall_wal_disk_free_bytes", "Room left on the disk that pg_wal is on.");
  out.family("seawall_archiver_failures_total", "counter",
             "Attempts to archive that failed, as the server counts.");
}

class Printer {
 public:
  Printer(Exposition& out, Instant now) : out_(out), now_(now) {}

  void print(const PolicyMetrics& of) {
    const Labels policy = {{"policy", of.policy}};
    out_.add("seawall_last_look_timestamp_seconds", policy, base::to_unix_seconds(of.looked));
    out_.add("seawall_repository_readable", policy, of.status != nullptr ? 1 : 0);
    for (const Severity severity : {Severity::notice, Severity::warning, Severity::critical}) {
      const auto count = std::ranges::count(of.findings, severity, &Finding::severity);
      out_.add("seawall_findings",
               {{"policy", of.policy}, {"severity", std::string(name(severity))}},
               static_cast<double>(count));
    }
    out_.add("seawall_alerts_open", policy, static_cast<double>(of.alerts_open));
    if (of.loss_now) out_.add("seawall_rpo_seconds", policy, seconds(*of.loss_now));
    if (of.rpo_objective)
      out_.add("seawall_rpo_objective_seconds", policy, seconds(*of.rpo_objective));
    if (of.status != nullptr) print_status(of.policy, *of.status);
    if (of.catalog != nullptr) print_catalog(of.policy, *of.catalog);
    if (of.server != nullptr) print_server(policy, *of.server);
  }

 private:
  void time(const char* name, const Labels& labels, const std::optional<Instant>& instant) {
    if (instant) out_.add(name, labels, base::to_unix_seconds(*instant));
  }

  void print_status(const std::string& policy, const Status& status) {
    for (const StatusRow& row : status.rows) {
      if (row.state == "not covered") continue;
      const Labels labels = {{"policy", policy}, {"layer", row.layer}, {"tier", row.tier}};
      time("seawall_last_success_timestamp_seconds", labels, row.last_success);
      if (row.last_success)
        out_.add("seawall_last_success_age_seconds", labels, seconds(now_ - *row.last_success));
      time("seawall_next_due_timestamp_seconds", labels, row.next_due);
      // The log has no runs that could be missed; that there is none is a finding.
      if (!row.tier.empty()) out_.add("seawall_missed", labels, row.state == "missed" ? 1 : 0);
      if (row.kept) out_.add("seawall_kept", labels, static_cast<double>(*row.kept));
      if (row.expected) out_.add("seawall_expected", labels, static_cast<double>(*row.expected));
    }
    time("seawall_recovery_window_begin_timestamp_seconds", {{"policy", policy}},
         status.window_begins);
    time("seawall_recovery_window_end_timestamp_seconds", {{"policy", policy}},
         status.last_transaction);
  }

  void print_catalog(const std::string& policy, const Catalog& catalog) {
    for (const auto& [key, run] : catalog.last_runs) {
      const Labels labels = {
          {"policy", policy}, {"layer", std::string(policy::name(key.layer))}, {"tier", key.tier}};
      out_.add("seawall_run_duration_seconds", labels, seconds(run.ended - run.started));
      out_.add("seawall_run_failed", labels, run.ok ? 0 : 1);
      if (!run.ok) continue;
      for (const char* const name : {"stored_bytes", "size", "bytes"}) {
        const auto bytes = base::member_if_there<uint64_t>(run.details, name);
        if (!bytes) continue;
        out_.add("seawall_run_bytes", labels, static_cast<double>(*bytes));
        break;
      }
    }
    if (!catalog.snapshots.empty()) {
      out_.add("seawall_database_bytes", {{"policy", policy}},
               static_cast<double>(catalog.snapshots.back().totals.bytes));
    }
    for (const ReplicaState& replica : catalog.replicas) {
      if (!replica.unreachable.empty()) continue;
      const auto missing = std::ranges::count_if(
          replica.copies, [](const DumpCopy& copy) { return !copy.copy_size; });
      out_.add("seawall_replica_missing_dumps", {{"policy", policy}, {"tier", replica.tier}},
               static_cast<double>(missing));
    }
  }

  void print_server(const Labels& policy, const ServerFacts& server) {
    out_.add("seawall_server_reachable", policy, server.unreachable.empty() ? 1 : 0);
    if (!server.unreachable.empty()) return;
    if (server.ready_files) {
      out_.add("seawall_wal_ready_files", policy, static_cast<double>(*server.ready_files));
      out_.add("seawall_wal_bytes", policy, static_cast<double>(server.wal_bytes));
    }
    if (server.disk_free_bytes) {
      out_.add("seawall_wal_disk_free_bytes", policy, static_cast<double>(*server.disk_free_bytes));
    }
    out_.add("seawall_archiver_failures_total", policy, static_cast<double>(server.failed_count));
  }

  Exposition& out_;
  Instant now_;
};

}  // namespace

std::string print_metrics(std::span<const PolicyMetrics> policies, std::string_view version,
                          Instant now) {
  Exposition out;
  name_families(out);
  if (!version.empty()) out.add("seawall_build_info", {{"version", std::string(version)}}, 1);
  Printer printer(out, now);
  for (const PolicyMetrics& policy : policies) printer.print(policy);
  return out.text();
}

}  // namespace monitor
