// The strategy document and its runbooks, from the policy and what is true of it.
#include "app/document_facts.h"
#include "cli/command.h"
#include "documents/print.h"
#include "documents/runbooks.h"
#include "documents/strategy.h"

namespace cli {

namespace {

using documents::Document;
using documents::Format;

struct DocumentOptions {
  std::string format = "markdown";
  std::string out;
  std::string which;
};

Format format_of(const DocumentOptions& options) {
  return options.format == "html" ? Format::html : Format::markdown;
}

// What we did not write ourselves is never written over.
void write(const base::Path& path, const Document& document, Format format) {
  const std::optional<std::string> there = base::read_text_file_if_there(path);
  if (there && there->find(documents::mark(format)) == std::string::npos) {
    throw base::Error(base::ErrorKind::conflict,
                      fmt::format("{} is there, and seawall did not write it", path.string()),
                      "move it away, or name another folder");
  }
  std::filesystem::create_directories(path.parent_path());
  base::write_file_durably(path, base::as_bytes(documents::print(document, format)), 0644);
}

std::vector<Document> all_documents(const documents::Facts& facts) {
  std::vector<Document> all;
  all.push_back(documents::strategy(facts));
  all.push_back(documents::retention_policy(facts));
  all.push_back(documents::restore_drill(facts));
  all.push_back(documents::secret_rotation(facts));
  all.push_back(documents::incident(facts));
  return all;
}

void strategy(const Globals& globals, const DocumentOptions& options) {
  app::Context context = globals.context();
  documents::Facts facts = app::document_facts(context, base::system_clock().now());
  app::read_evidence(context, facts, globals.token());
  if (options.out.empty()) {
    if (globals.json) return print_json(documents::strategy_json(facts));
    fmt::print("{}", documents::print(documents::strategy(facts), format_of(options)));
    return;
  }
  base::Json written = base::Json::array();
  for (const Document& document : all_documents(facts)) {
    const base::Path path =
        base::Path(options.out) /
        (document.name() + std::string(documents::extension(format_of(options))));
    write(path, document, format_of(options));
    written.push_back(path.string());
    if (!globals.json) fmt::print("{}\n", path.string());
  }
  if (globals.json) print_json({{"written", written}});
}

void runbook(const Globals& globals, const DocumentOptions& options) {
  app::Context context = globals.context();
  context.give_up_after(std::chrono::seconds(20));  // whoever reads one in need waits for it
  documents::Facts facts = app::document_facts(context, base::system_clock().now());
  app::read_evidence_if_possible(context, facts, globals.token());
  const Document document = options.which == "restore-drill"     ? documents::restore_drill(facts)
                            : options.which == "secret-rotation" ? documents::secret_rotation(facts)
                            : options.which == "retention" ? documents::retention_policy(facts)
                                                           : documents::incident(facts);
  const std::string text = documents::print(document, format_of(options));
  if (globals.json) {
    return print_json({{"name", document.name()}, {"title", document.title()}, {"text", text}});
  }
  fmt::print("{}", text);
}

void add_format(CLI::App& command, DocumentOptions& options) {
  command
      .add_option("--format", options.format, "markdown, or html: one page that needs nothing else")
      ->check(CLI::IsMember({"markdown", "html"}))
      ->type_name("FORMAT");
}

}  // namespace

void add_strategy(CLI::App& program, Globals& globals) {
  auto options = std::make_shared<DocumentOptions>();  // outlives this function with the callback
  CLI::App* command = program.add_subcommand(
      "strategy", "the backup strategy as a document, each line with the evidence that it is so");
  add_format(*command, *options);
  command
      ->add_option("--out", options->out,
                   "write it into this folder, with the runbooks and the retention policy")
      ->type_name("FOLDER");
  command->footer(
      "Examples:\n"
      "  seawall strategy                                # on the terminal, as Markdown\n"
      "  seawall strategy --format html > strategy.html  # to print\n"
      "  seawall strategy --out handbook                 # backup-strategy.md, docs/, runbooks/");
  command->callback([&globals, options] { strategy(globals, *options); });

  auto which = std::make_shared<DocumentOptions>();
  CLI::App* print = program.add_subcommand(
      "runbook", "what to do, with this policy's own places, times and commands");
  print->add_option("name", which->which, "restore-drill, secret-rotation, retention, incident")
      ->required()
      ->check(CLI::IsMember({"restore-drill", "secret-rotation", "retention", "incident"}))
      ->type_name("NAME");
  add_format(*print, *which);
  print->footer(
      "It is written also when the repository cannot be reached, and says so.\n"
      "Examples:\n"
      "  seawall runbook restore-drill\n"
      "  seawall runbook incident --format html > incident.html");
  print->callback([&globals, which] { runbook(globals, *which); });
}

}  // namespace cli
