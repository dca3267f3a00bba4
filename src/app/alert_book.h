// What a watcher knows of alerts: the records in the repository, and what it could not record.
//
// A watcher whose credential may not put, or that cannot reach the repository, still tells; what it
// has told it then remembers itself, for as long as its process lives. Belongs to one thread.
#pragma once

#include "monitor/alert_log.h"

namespace app {

class AlertBook {
 public:
  // Reads the records, and puts those that could not be put before. Throws what reading throws;
  // what was known before stays known then.
  void read(const repository::Repository& repository, base::Instant now, std::stop_token stop);

  const std::vector<monitor::Alert>& alerts() const { return alerts_; }

  // Each takes `repository` as null where there is none to be reached.
  // False when another watcher was first: then it is that one's to tell.
  bool record(const repository::Repository* repository, const monitor::NewEvent& event,
              std::stop_token stop);
  // Of the newest event of an alert in alerts().
  void record(const repository::Repository* repository, size_t alert,
              const monitor::Telling& telling, int attempt, std::stop_token stop);
  // Whether something well done is ours to tell. One who cannot record tells what is new since
  // `begun`, once.
  bool claim_news(const repository::Repository* repository, const std::string& what,
                  base::Instant of, base::Instant begun, base::Instant now, std::stop_token stop);

  // Why records are not put: "denied: ..."; empty where they are.
  const std::string& only_in_memory() const { return only_in_memory_; }

 private:
  struct Unsaved {
    monitor::NewEvent event;
    bool event_saved = false;
    std::vector<std::pair<monitor::Telling, int>> tellings;  // with their attempts
  };
  // Runs `put`; false when it could not be done, which is remembered.
  bool attempt(const std::function<void()>& put);
  void save(const repository::Repository& repository, std::stop_token stop);
  void apply(const Unsaved& unsaved);
  monitor::Alert* find(const std::string& key, int number);
  Unsaved& unsaved_for(const monitor::Alert& alert);

  std::vector<monitor::Alert> alerts_;
  monitor::AlertBodies bodies_;
  std::vector<Unsaved> unsaved_;
  std::vector<std::string> news_;  // told and not recorded, the last thousand
  std::string only_in_memory_;
};

}  // namespace app
