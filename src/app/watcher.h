// Judges from outside whether the backups are what the policy promises, and tells people what is
// wrong: one look, to be made each minute. From the objects, with credentials that read; it needs
// to put only below alerts/, and does without.
//
// A watcher belongs to one thread. It has a Context of its own, so that what it waits for is
// bounded whatever else goes on in the process. docs/guide/alerts.md.
#pragma once

#include "app/alert_book.h"
#include "app/alert_routes.h"
#include "app/judgement.h"
#include "monitor/exposure.h"
#include "monitor/metrics.h"

namespace app {

struct Look {
  base::Instant at;
  std::string blind;  // why the repository could not be judged; empty: it was
  std::optional<Judgement> judgement;
  std::optional<monitor::ServerFacts> server;  // nothing where it was not asked
  std::vector<monitor::Finding> findings;      // of the judgement, and of the look itself
  std::vector<std::string> unseen;  // beginnings of the keys of what else could not be told
  std::string exposure;
  std::vector<monitor::Alert> alerts;  // those that are open
  size_t told = 0;                     // messages that arrived, by route and alert
  std::vector<std::string> untold;     // "slack: ...", of this look
  std::string only_in_memory;          // why what was told is not recorded; empty: it is
  std::string ping_failed;             // why the dead man's switch could not be told
};

// 0 nothing wrong, 1 warnings, 2 critical findings; as `status`.
int exit_code(const Look& look);
base::Json to_json(const Look& look);
// Borrows of `look`.
monitor::PolicyMetrics metrics_of(const policy::Policy& policy, const Look& look);

class Watcher {
 public:
  struct Options {
    bool once = false;  // nobody will look again from this process
    bool tell = true;   // false: judges only
  };
  // `context` outlives it, and no store was asked for yet.
  Watcher(Context& context, Options options, base::Instant begun);

  // What the process that this runs in knows is wrong with itself: a policy file that cannot be
  // read, a round that is wedged. Told with the next looks, until set anew.
  void set_own_findings(std::vector<monitor::Finding> findings);

  // Takes a few minutes at most, whatever does not answer. Throws cancelled only.
  Look look(base::Instant now, std::stop_token stop);

 private:
  void judge_repository(Look& look, std::optional<repository::Repository>& repository,
                        std::stop_token stop);
  const repository::Repository* read_book(Look& look, const repository::Repository& repository,
                                          std::stop_token stop);
  void look_at_objects(Look& look, const repository::Repository& repository, std::stop_token stop);
  void judge_server(Look& look);
  void judge_clock(Look& look, const repository::Repository& repository, std::stop_token stop);
  void add_store_finding(Look& look, const base::Error& failure);
  void raise(Look& look, const repository::Repository* repository, std::stop_token stop);
  void tell_all(Look& look, const repository::Repository* repository, std::stop_token stop);
  void tell_news(Look& look, const repository::Repository* repository, std::stop_token stop);
  void ping(Look& look, std::stop_token stop);
  Bulletin bulletin(const Look& look) const;

  Context& context_;
  const Options options_;
  const base::Instant begun_;
  net::HttpClient http_;
  AlertRoutes routes_;
  AlertBook book_;
  std::vector<monitor::Finding> own_;
  std::optional<base::Instant> blind_since_;
  int pings_failed_ = 0;  // in a row
  std::string ping_failure_;
  std::optional<base::Instant> digest_told_;
};

// For `status`: what could not be told, by the records. Nothing where they may not be read.
std::vector<monitor::Finding> untold_findings(const policy::Policy& policy,
                                              const repository::Repository& repository,
                                              base::Instant now, std::stop_token stop);

}  // namespace app
