#include "app/restored_server.h"

namespace app {

namespace {

// What its transactions left prepared must have room, as when it replayed.
std::map<std::string, std::string> settings_of(const repository::RecoverySettings& needed) {
  return {{"max_connections", std::to_string(needed.max_connections)},
          {"max_prepared_transactions", std::to_string(needed.max_prepared_transactions)},
          {"max_locks_per_transaction", std::to_string(needed.max_locks_per_transaction)}};
}

layers::SealedOptions options_of(const layers::RestorePlan& plan, const base::Path& data_directory,
                                 const std::optional<base::Path>& programs,
                                 const base::Path& folder) {
  layers::SealedOptions options;
  options.data_directory = data_directory;
  options.programs = layers::find_server_programs(plan.snapshot.major, programs);
  options.private_folder = folder;
  options.role = plan.snapshot.bootstrap_role;
  options.settings = settings_of(plan.snapshot.settings);
  return options;
}

std::string keyword(std::string_view value) {
  std::string quoted = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

}  // namespace

RestoredServer::RestoredServer(const layers::RestorePlan& plan, const base::Path& data_directory,
                               const std::optional<base::Path>& programs)
    : folder_("seawall-restored"),
      role_(plan.snapshot.bootstrap_role),
      server_(options_of(plan, data_directory, programs, folder_.path())) {}

std::string RestoredServer::url(const std::string& database) const {
  return fmt::format("host={} port=5432 user={} dbname={}", keyword(folder_.path().string()),
                     keyword(role_), keyword(database));
}

}  // namespace app
