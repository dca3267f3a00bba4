#include "cli/restore_advice.h"

#include <fmt/format.h>

#include <charconv>

#include "policy/moment.h"

namespace cli {

using base::Path;

namespace {

// "15" and "main" of /var/lib/postgresql/15/main, where /etc/postgresql/15/main is beside it.
// postgresql-common(7).
struct DebianCluster {
  std::string version;
  std::string name;
  Path configuration() const { return Path("/etc/postgresql") / version / name; }
};

std::optional<DebianCluster> debian_cluster(const Path& data_directory) {
  const Path folder = data_directory.parent_path();
  if (folder.parent_path() != "/var/lib/postgresql") return std::nullopt;
  DebianCluster cluster{folder.filename().string(), data_directory.filename().string()};
  if (!std::filesystem::exists(cluster.configuration() / "postgresql.conf")) return std::nullopt;
  return cluster;
}

}  // namespace

std::string advice_to_start(const repository::SnapshotRoot& root, const Path& data_directory,
                            const std::optional<Path>& configuration) {
  std::string advice;
  if (!root.external.empty() && !configuration) {
    advice += fmt::format(
        "its configuration was outside the data directory and was left out; --configuration FOLDER "
        "takes it along:\n");
    for (const repository::ExternalFile& file : root.external)
      advice += fmt::format("  {}\n", file.original);
  }
  advice += "archiving is off in it (postgresql.auto.conf says how to turn it on); start it with ";
  if (const std::optional<DebianCluster> debian = debian_cluster(data_directory)) {
    advice += fmt::format("'sudo systemctl start postgresql@{}-{}', as configured in {}\n",
                          debian->version, debian->name, debian->configuration().string());
  } else if (std::filesystem::exists(data_directory / "postgresql.conf")) {
    advice += fmt::format("'pg_ctl -D {} start'\n", data_directory.string());
  } else {
    advice +=
        fmt::format("'postgres -D {} -c config_file=...': it has no postgresql.conf of its own\n",
                    data_directory.string());
  }
  return advice;
}

std::string advice_on_saved_wal(const layers::SavedWal& saved) {
  std::string advice = fmt::format("the cluster's own log was put aside: {} files in {}\n",
                                   saved.files, saved.folder.string());
  if (saved.unarchived.empty()) return advice;
  advice += fmt::format(
      "{} finished segments of it were not archived yet; push them, and a restore reaches "
      "further:\n",
      saved.unarchived.size());
  for (const std::string& name : saved.unarchived)
    advice += fmt::format("  seawall wal push {}\n", (saved.folder / "pg_wal" / name).string());
  return advice;
}

std::map<uint32_t, base::Path> tablespace_places(const std::vector<std::string>& given) {
  std::map<uint32_t, base::Path> places;
  for (const std::string& text : given) {
    const size_t equals = text.find('=');
    uint32_t oid = 0;
    const auto [end, failed] =
        std::from_chars(text.data(), text.data() + std::min(equals, text.size()), oid);
    if (equals == std::string::npos || failed != std::errc{} || end != text.data() + equals) {
      throw base::Error(base::ErrorKind::invalid,
                        fmt::format("--tablespace '{}' is not OID=FOLDER", text),
                        "'seawall restore --dry-run' shows the tablespaces with their oids");
    }
    places[oid] = text.substr(equals + 1);
  }
  return places;
}

void print_plan(const layers::RestorePlan& plan, const layers::RestoreEstimate& expected,
                const policy::Policy& policy) {
  const repository::SnapshotRoot& root = plan.snapshot;
  fmt::print("restore to {}\n", layers::describe(plan.target));
  if (const auto* time = std::get_if<layers::TargetTime>(&plan.target)) {
    fmt::print("  target       {}\n", policy::describe_moment(time->time, policy.timezone));
  }
  if (plan.last_commit)
    fmt::print("  last commit  {}\n", policy::describe_moment(*plan.last_commit, policy.timezone));
  fmt::print("  snapshot     {}, ended {}, {} in {} files\n", root.id,
             policy::describe_moment(root.stopped, policy.timezone),
             base::human_bytes(root.totals.bytes), root.totals.files);
  uint64_t segments = 0;
  for (const layers::WalLeg& leg : plan.legs) segments += leg.last - leg.first + 1;
  fmt::print("  WAL          {} segments on timeline {}, {} stored\n", segments,
             plan.timeline.value, base::human_bytes(plan.wal_stored_bytes));
  for (const repository::TablespaceRef& space : root.tablespaces) {
    fmt::print("  tablespace   {} at {}\n", space.oid, space.location);
  }
  fmt::print("  major        PostgreSQL {}\n", root.major);
  fmt::print("  expected     about {}: files {} (the store gives {}/s), replay {}\n",
             base::human_duration(expected.files + expected.replay),
             base::human_duration(expected.files), base::human_bytes(expected.bytes_per_second),
             base::human_duration(expected.replay));
}

}  // namespace cli
