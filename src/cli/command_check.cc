#include "app/check.h"
#include "cli/command.h"

namespace cli {

namespace {

void check(Globals& globals) {
  app::Context context = globals.context();
  const std::vector<app::CheckItem> items = app::check(context, globals.token());
  base::Json json = base::Json::array();
  size_t problems = 0;
  for (const app::CheckItem& item : items) {
    if (item.result == app::CheckResult::problem) ++problems;
    json.push_back({{"subject", item.subject},
                    {"result", name(item.result)},
                    {"what", item.what},
                    {"mend", item.mend}});
    if (globals.json) continue;
    fmt::print("{:<8} {}: {}\n", name(item.result), item.subject, item.what);
    if (!item.mend.empty()) fmt::print("         -> {}\n", item.mend);
  }
  if (globals.json) {
    print_json(json);
  } else {
    fmt::print("{}\n",
               problems == 0 ? "nothing stands in the way" : fmt::format("{} problems", problems));
  }
  globals.exit_code = problems == 0 ? 0 : 1;
}

}  // namespace

void add_check(CLI::App& program, Globals& globals) {
  CLI::App* command = program.add_subcommand(
      "check", "is everything reachable, permitted and configured, and what mends it");
  command->footer("Exit status: 0 when nothing stands in the way, 1 when something does.");
  command->callback([&globals] { check(globals); });
}

}  // namespace cli
