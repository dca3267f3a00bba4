// Are we safe, now? What `seawall status` answers with, for all who ask.
#pragma once

#include "app/context.h"
#include "monitor/status.h"

namespace app {

struct CurrentStatus {
  monitor::Catalog catalog;
  monitor::Status status;
};

// Reads the repository, the stores of dumps and their replicas, and judges.
CurrentStatus current_status(Context& context, const repository::Repository& repository,
                             base::Instant now, std::stop_token stop);

}  // namespace app
