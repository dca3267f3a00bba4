// A server on a cluster that was restored and closed, for us alone: to ask it, or to take something
// out of it. It is sealed as the one that replayed was, and shut down with this.
#pragma once

#include "layers/pitr/restore_plan.h"
#include "layers/pitr/sealed_server.h"

namespace app {

class RestoredServer {
 public:
  // Throws unavailable.
  RestoredServer(const layers::RestorePlan& plan, const base::Path& data_directory,
                 const std::optional<base::Path>& programs);

  postgres::Connection connect(const std::string& database, std::stop_token stop) {
    return server_.connect(database, std::move(stop));
  }
  // For programs: no password, nobody else gets into its folder.
  std::string url(const std::string& database) const;
  void shut_down() { server_.shut_down(); }

 private:
  base::TemporaryFolder folder_;
  std::string role_;
  layers::SealedServer server_;
};

}  // namespace app
