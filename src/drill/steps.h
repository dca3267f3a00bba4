// What the two rehearsals share: steps by the stop-watch, and the scratch server.
#pragma once

#include "drill/rehearsal.h"
#include "drill/scratch.h"
#include "layers/pitr/sealed_server.h"

namespace drill {

// Names and times the steps of a drill in its record.
class Steps {
 public:
  Steps(repository::DrillRecord& record, Progress& progress)
      : record_(record), progress_(progress) {}

  // While `work` runs, and if it throws, the record names this step as the one that failed.
  template <typename Work>
  void run(const char* name, const Work& work) {
    begin(name);
    const base::Stopwatch watch;
    work();
    add(name, watch.elapsed());
    record_.failed_step.clear();
  }
  void begin(const char* name);
  // For what was timed elsewhere; times of one name add up.
  void add(const std::string& name, base::Duration took);

 private:
  repository::DrillRecord& record_;
  Progress& progress_;
};

// Throws denied for root, whom PostgreSQL does not serve: before anything is fetched.
void require_ordinary_user();

// Throws full when the scratch folder's file system has less than `needed` bytes.
void require_room(const base::Path& scratch, uint64_t needed, const std::string& what);

// Memory and the like, for a scratch server that is bound to `memory_bytes_max`.
std::map<std::string, std::string> bounded_settings(uint64_t memory_bytes_max, unsigned threads,
                                                    int major);

}  // namespace drill
