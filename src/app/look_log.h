// Looks of the watcher as log lines: one for each look, at debug level where nothing is new, and
// one for each finding when it comes and when it goes.
#pragma once

#include "app/watcher.h"

namespace app {

class LookLog {
 public:
  void tell(const Look& look);

 private:
  std::map<std::string, std::string> known_;  // by key
  std::string only_in_memory_;
};

}  // namespace app
