#include "app/heartbeat.h"
#include "cli/command.h"
#include "repository/policy_log.h"

namespace cli {

namespace {

void apply(const Globals& globals) {
  app::Context context = globals.context();
  const repository::Repository repository = repository::Repository::create_or_open(
      context.store(), context.keys(), base::system_clock().now(), globals.token(),
      context.index_cache());
  provider::NativeCluster cluster = context.cluster();
  const repository::Epoch epoch = repository.epoch_for(cluster.identity(), globals.token());
  repository::keep_policy(repository, base::read_text_file(context.policy_file()),
                          base::system_clock().now(), globals.token());
  if (context.policy().run.heartbeat && !cluster.in_recovery())
    app::prepare_heartbeat(cluster.connection());
  if (globals.json) {
    print_json({{"repository", context.store().url()}, {"epoch", epoch.number.value}});
    return;
  }
  fmt::print("repository {} is ready for the cluster with system identifier {} (epoch {})\n",
             context.store().url(), epoch.system_identifier, epoch.number.value);
}

}  // namespace

void add_apply(CLI::App& program, Globals& globals) {
  CLI::App* command = program.add_subcommand("apply", "make what the policy needs: the repository");
  command->footer("Example:\n  seawall --policy seawall.yaml apply");
  command->callback([&globals] { apply(globals); });
}

}  // namespace cli
