#include "cli/restore_target.h"

#include "policy/moment.h"

namespace cli {

CLI::Option_group* add_target(CLI::App& command, TargetOptions& options) {
  CLI::Option_group* target = command.add_option_group("target", "where to stop");
  target
      ->add_option("--at", options.at,
                   "a time with its zone (\"2026-11-22 14:03:07 Asia/Singapore\"), or 'latest'")
      ->type_name("TIME");
  target->add_option("--snapshot", options.snapshot, "a snapshot's own end")->type_name("ID");
  target->add_option("--lsn", options.lsn, "a position in the log")->type_name("LSN");
  target->add_option("--xid", options.xid, "a transaction")->type_name("XID");
  target->add_option("--name", options.name, "a restore point made with pg_create_restore_point()")
      ->type_name("NAME");
  target->require_option(0, 1);
  command
      .add_option("--timeline", options.timeline, "the branch of history, where there are several")
      ->type_name("N");
  command.add_option("--epoch", options.epoch, "an earlier life of the cluster")->type_name("N");
  return target;
}

namespace {

layers::RestoreTarget target_of(const TargetOptions& options) {
  if (!options.snapshot.empty()) return layers::TargetSnapshot{options.snapshot};
  if (!options.lsn.empty()) return layers::TargetLsn{postgres::parse_lsn(options.lsn)};
  if (options.xid != 0) return layers::TargetXid{options.xid};
  if (!options.name.empty()) return layers::TargetName{options.name};
  if (options.at == "latest") return layers::TargetLatest{};
  return layers::TargetTime{policy::parse_moment(options.at)};
}

}  // namespace

layers::PlanRequest plan_request(const TargetOptions& options) {
  layers::PlanRequest request;
  request.target = target_of(options);
  if (options.timeline != 0) request.timeline = postgres::Timeline{options.timeline};
  if (options.epoch != 0) request.epoch = repository::EpochNumber{options.epoch};
  return request;
}

}  // namespace cli
