#include "app/drill_run.h"
#include "cli/command.h"
#include "cli/drill_answers.h"
#include "drill/report.h"
#include "drill/scratch.h"
#include "policy/moment.h"

namespace cli {

namespace {

using repository::DrillRecord;

constexpr size_t in_a_report = 60;  // drills of each kind

struct DrillOptions {
  std::string kind;
  std::string at;
  std::optional<uint64_t> seed;
  std::optional<int> major;
  std::string tier;
  std::string scratch;
  std::string programs;
  bool if_due = false;
  bool clean = false;
};

std::string describe(const drill::Progress& progress) {
  const std::string_view step = progress.step.load();
  if (step == "fetch" && progress.files.bytes_total != 0)
    return "drill: fetch " + share(progress.files.bytes_done, progress.files.bytes_total);
  if (step == "fetch" && progress.dump.bytes_total != 0)
    return progress.dump.bytes_checked < progress.dump.bytes_total
               ? "drill: fetch " + share(progress.dump.bytes_checked, progress.dump.bytes_total)
               : fmt::format("drill: {}", progress.dump.phase.load());
  if (step == "replay") return fmt::format("drill: replay, {}", progress.recovery.phase.load());
  if (step == "checks") return fmt::format("drill: checks, {}", progress.check.load());
  return fmt::format("drill: {}", step);
}

app::DrillRequest request_of(const DrillOptions& options) {
  app::DrillRequest request{.seed = options.seed, .major = options.major, .tier = options.tier};
  if (!options.kind.empty()) request.kind = repository::parse_drill_kind(options.kind);
  if (!options.at.empty()) request.at = policy::parse_moment(options.at);
  if (!options.scratch.empty()) request.scratch = options.scratch;
  if (!options.programs.empty()) request.programs = options.programs;
  // What names a moment or a version names the kind, too.
  if (!request.kind && (request.at || request.seed)) request.kind = repository::DrillKind::moment;
  if (!request.kind && request.major) request.kind = repository::DrillKind::major;
  return request;
}

void clean(Globals& globals, const DrillOptions& options) {
  const app::Context context = globals.context();
  const base::Path scratch = options.scratch.empty()
                                 ? base::Path(app::drill_terms(context.policy()).scratch)
                                 : std::filesystem::absolute(options.scratch);
  const drill::Cleaned cleaned = drill::clean_scratch(scratch);
  if (globals.json) return print_json({{"removed", cleaned.folders}, {"ended", cleaned.processes}});
  for (const std::string& folder : cleaned.folders) fmt::print("removed {}\n", folder);
  if (!cleaned.processes.empty()) fmt::print("ended {} processes\n", cleaned.processes.size());
  if (cleaned.folders.empty()) fmt::print("no drill left anything in {}\n", scratch.string());
}

void hold(Globals& globals, const DrillOptions& options) {
  if (options.clean) return clean(globals, options);
  app::Context context = globals.context();
  const app::DrillRequest request = request_of(options);
  drill::Progress progress;
  ProgressLine line(globals, [&] { return describe(progress); });
  std::optional<DrillRecord> record;
  if (options.if_due) {
    record = app::run_due_drill(context, request, progress, globals.token());
  } else {
    record = app::run_drill(context, request, progress, globals.token());
  }
  line.finish();
  if (!record) {
    if (globals.json) return print_json({{"due", false}});
    fmt::print("no drill is due\n");
    return;
  }
  if (globals.json) {
    print_json(to_json(*record));
  } else {
    print_drill(*record, context.policy().timezone);
  }
  globals.exit_code = exit_code_of(*record);
}

void add_drill_list(CLI::App& drill, Globals& globals) {
  CLI::App* command = drill.add_subcommand("list", "the drills that were held, newest first");
  auto count = std::make_shared<size_t>(20);
  command->add_option("--limit", *count, "how many")->type_name("N")->check(CLI::Range(1u, 10000u));
  command->footer("Example:\n  seawall drill list --json | jq '.drills[] | {kind, outcome}'");
  command->callback([&globals, count] {
    app::Context context = globals.context();
    const repository::Repository repository = context.repository(globals.token());
    std::vector<DrillRecord> records = repository::read_drills(repository, *count, globals.token());
    std::ranges::reverse(records);
    if (records.size() > *count) records.resize(*count);
    const std::vector<repository::SignOff> sign_offs =
        repository::read_sign_offs(repository, globals.token());
    globals.json ? print_json(drills_json(records, sign_offs))
                 : print_drills(records, sign_offs, context.policy().timezone);
  });
}

void add_drill_due(CLI::App& drill, Globals& globals) {
  CLI::App* command = drill.add_subcommand("due", "what is to be drilled or signed off, and when");
  command->footer("Exit status: 0 nothing now, 1 a drill is due or was missed.");
  command->callback([&globals] {
    app::Context context = globals.context();
    const repository::Repository repository = context.repository(globals.token());
    const base::Instant now = base::system_clock().now();
    const monitor::DrillHistory history =
        monitor::read_drill_history(repository, 1, globals.token());
    const std::vector<repository::DrillKind> kinds = app::kinds_here(context.policy(), {});
    const DueAnswer answer{.due = monitor::drills_due(context.policy(), history, now),
                           .next = kinds.empty()
                                       ? std::nullopt
                                       : std::optional(monitor::next_kind(kinds, history.records))};
    globals.json ? print_json(to_json(answer)) : print_due(answer, context.policy());
    if (answer.due.state != monitor::DrillState::waiting) globals.exit_code = 1;
  });
}

void add_drill_sign_off(CLI::App& drill, Globals& globals) {
  CLI::App* command =
      drill.add_subcommand("sign-off", "say that a quarter's checklist was gone through");
  struct Options {
    std::string by;
    std::string quarter;
    std::string note;
  };
  auto options = std::make_shared<Options>();
  command->add_option("--by", options->by, "who says so")->type_name("NAME")->required();
  command->add_option("--quarter", options->quarter, "default: the present one")
      ->type_name("2026Q4");
  command->add_option("--note", options->note, "what was found")->type_name("TEXT");
  command->footer("Example:\n  seawall drill sign-off --by \"Jane Doe\" --note \"12 minutes\"");
  command->callback([&globals, options] {
    app::Context context = globals.context();
    app::SignOffRequest request{.by = options->by, .note = options->note, .quarter = {}};
    if (!options->quarter.empty()) request.quarter = policy::parse_quarter(options->quarter);
    const repository::SignOff signed_off =
        app::sign_off(context, request, base::system_clock().now(), globals.token());
    if (globals.json) return print_json(to_json(signed_off));
    fmt::print("{} is signed off by {}; {} drills passed in it\n", signed_off.quarter,
               signed_off.by, signed_off.drills.size());
  });
}

void write_report(Globals& globals, const std::string& id, const std::string& file) {
  app::Context context = globals.context();
  const repository::Repository repository = context.repository(globals.token());
  drill::ReportRequest request{.policy = context.policy().name,
                               .zone = context.policy().timezone,
                               .record = {},
                               .history = {},
                               .sign_offs = {}};
  request.history = repository::read_drills(repository, in_a_report, globals.token());
  if (!id.empty()) {
    request.record = repository::read_drill(repository, id, globals.token());
  } else if (!request.history.empty()) {
    request.record = request.history.back();
  } else {
    throw base::Error(base::ErrorKind::absent, "no drill was held yet", "seawall drill");
  }
  const std::string quarter =
      policy::to_string(policy::quarter_at(request.record.started, request.zone));
  for (repository::SignOff& one : repository::read_sign_offs(repository, globals.token())) {
    if (one.quarter == quarter) request.sign_offs.push_back(std::move(one));
  }
  base::write_file_durably(file, base::as_bytes(drill::report_html(request)), 0640);
  if (globals.json) return print_json({{"drill", request.record.id}, {"file", file}});
  fmt::print("the report of {} is in {}\n", request.record.id, file);
}

void add_drill_report(CLI::App& drill, Globals& globals) {
  CLI::App* command = drill.add_subcommand("report", "a drill as a page to print and to keep");
  struct Options {
    std::string id;
    std::string file;
  };
  auto options = std::make_shared<Options>();
  command->add_option("id", options->id, "which; default: the newest")->type_name("ID");
  command->add_option("-o,--output", options->file, "the HTML file to write")
      ->type_name("FILE")
      ->required();
  command->footer("Example:\n  seawall drill report -o drill.html");
  command->callback([&globals, options] { write_report(globals, options->id, options->file); });
}

}  // namespace

void add_drill(CLI::App& program, Globals& globals) {
  CLI::App* command = program.add_subcommand(
      "drill", "rehearse a restore: boot a server, ask it questions, measure RTO and RPO");
  auto options = std::make_shared<DrillOptions>();  // outlives this function with the callback
  command
      ->add_option("kind", options->kind,
                   "latest, moment, weekly, dump, replica or major; default: the next in rotation")
      ->type_name("KIND");
  command->add_option("--at", options->at, "the moment, with its zone; default: a random second")
      ->type_name("TIME");
  command->add_option("--seed", options->seed, "choose the moment as that drill did")
      ->type_name("N");
  command
      ->add_option("--major", options->major,
                   "the major version to restore a dump into; default: the newest other")
      ->type_name("N");
  command->add_option("--tier", options->tier, "which tier of dumps")->type_name("NAME");
  command
      ->add_option("--scratch", options->scratch,
                   "where the scratch server lives; default: drill.scratch of the policy")
      ->type_name("FOLDER");
  command->add_option("--pg-bin", options->programs, "where the server's programs are")
      ->type_name("FOLDER");
  command->add_flag("--if-due", options->if_due,
                    "only if the weekly drill is due and nobody has claimed it: for cron");
  command->add_flag("--clean", options->clean,
                    "remove what drills that were killed left, and stop");
  command->footer(
      "Exit status: 0 it passed, 1 a check failed or an objective was missed; another one says "
      "what "
      "ended it early.\n"
      "Examples:\n"
      "  seawall drill\n"
      "  seawall drill moment --at \"2026-11-22 14:03:07 Asia/Singapore\"\n"
      "  seawall drill major --major 17\n"
      "  seawall drill report -o drill.html");
  add_drill_list(*command, globals);
  add_drill_due(*command, globals);
  add_drill_sign_off(*command, globals);
  add_drill_report(*command, globals);
  command->callback([&globals, command, options] {
    if (!command->get_subcommands().empty()) return;
    hold(globals, *options);
  });
}

}  // namespace cli
