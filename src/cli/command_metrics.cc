#include "app/watcher.h"
#include "cli/command.h"

namespace cli {

namespace {

void print(CLI::App& program, Globals& globals, const std::string& textfile) {
  app::Context context = globals.context();
  const base::Instant now = base::system_clock().now();
  app::Watcher watcher(context, {.once = true, .tell = false}, now);
  const app::Look look = watcher.look(now, globals.token());
  const monitor::PolicyMetrics metrics = metrics_of(context.policy(), look);
  const std::string text = monitor::print_metrics(std::span(&metrics, 1), program.version(), now);
  if (textfile.empty()) {
    fmt::print("{}", text);
  } else {
    base::write_file_durably(textfile, base::as_bytes(text), 0644);  // for who collects it
  }
}

}  // namespace

void add_metrics(CLI::App& program, Globals& globals) {
  CLI::App* command =
      program.add_subcommand("metrics", "what is known of the backups, for Prometheus");
  const auto textfile = std::make_shared<std::string>();
  command
      ->add_option("--textfile", *textfile,
                   "write there, as a whole or not at all, instead of to standard output")
      ->type_name("FILE");
  command->footer(
      "The daemon serves the same at /metrics. --json does nothing here.\n"
      "Example, for node_exporter's textfile collector:\n"
      "  seawall metrics --textfile /var/lib/prometheus/node-exporter/seawall.prom");
  command->callback([&program, &globals, textfile] { print(program, globals, *textfile); });
}

}  // namespace cli
