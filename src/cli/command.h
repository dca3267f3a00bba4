// What all commands share: global options, the way answers and progress are printed, and how main
// runs them.
//
// Answers go to standard output, as text or, with --json, as one JSON value. Progress and log lines
// go to standard error.
#pragma once

#include <CLI/CLI.hpp>
#include <atomic>
#include <functional>
#include <stop_token>
#include <thread>

#include "app/context.h"
#include "app/replica.h"
#include "base/json.h"

namespace cli {

struct Globals {
  std::optional<std::string> policy_file;
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  std::string version;                // of this program
  std::stop_source stop;              // requested by SIGINT and SIGTERM
  std::atomic<bool> reloads = false;  // whether SIGHUP is counted; otherwise it ends us, as it does
  std::atomic<int> hang_ups = 0;
  int exit_code = 0;  // of a command that ended without an error but whose answer is "no"

  // The policy's file; its environment is ours from then on.
  base::Path policy() const {
    base::Path file = app::find_policy(policy_file);
    app::take_environment(file);
    return file;
  }
  app::Context context() const { return app::Context(policy()); }
  std::stop_token token() const { return stop.get_token(); }
};

// Each adds its command to the program; the command's callback does the work and throws
// base::Error.
void add_alert(CLI::App& program, Globals& globals);
void add_apply(CLI::App& program, Globals& globals);
void add_backup(CLI::App& program, Globals& globals);
void add_completion(CLI::App& program, Globals& globals);
void add_check(CLI::App& program, Globals& globals);
void add_drill(CLI::App& program, Globals& globals);
void add_evidence(CLI::App& program, Globals& globals);
void add_fire_drill(CLI::App& program, Globals& globals);
void add_init(CLI::App& program, Globals& globals);
void add_key(CLI::App& program, Globals& globals);
void add_list(CLI::App& program, Globals& globals);
void add_metrics(CLI::App& program, Globals& globals);
void add_policy(CLI::App& program, Globals& globals);
void add_probe(CLI::App& program, Globals& globals);
void add_prune(CLI::App& program, Globals& globals);
void add_replicate(CLI::App& program, Globals& globals);
void add_rescue(CLI::App& program, Globals& globals);
void add_restore(CLI::App& program, Globals& globals);
void add_run(CLI::App& program, Globals& globals);
void add_status(CLI::App& program, Globals& globals);
void add_strategy(CLI::App& program, Globals& globals);  // and runbook
void add_verify(CLI::App& program, Globals& globals);
void add_wal(CLI::App& program, Globals& globals);
void add_watch(CLI::App& program, Globals& globals);
void add_wal_for_people(CLI::App& wal, Globals& globals);  // its subcommands that people run

// Subcommands that are files of their own.
void add_backup_dumps(CLI::App& backup, Globals& globals);
void add_restore_dump(CLI::App& restore, Globals& globals);
void add_restore_table(CLI::App& restore, Globals& globals);

// What became of a tier's copies in another region, for people.
void print_replica(const app::ReplicaReport& report);

// A line that is rewritten while work goes on: on a terminal in place, in a log as a plain line now
// and then.
class ProgressLine {
 public:
  // `text` is called from a thread of this until finish() or the end of its life.
  ProgressLine(const Globals& globals, std::function<std::string()> text);
  ~ProgressLine();
  // Ends it, leaving the last state on its own line.
  void finish();

 private:
  void show(bool last);
  bool on_;
  bool terminal_;
  std::function<std::string()> text_;
  std::string shown_;
  std::jthread thread_;
};

void print_json(const base::Json& json);

// Columns padded to their widest cell; the first row is the head.
void print_table(const std::vector<std::vector<std::string>>& rows);

// "1.2 GB of 3.0 GB, 41 %"
std::string share(uint64_t done, uint64_t total);

}  // namespace cli
