#include "app/evidence_archive.h"
#include "cli/command.h"

namespace cli {

namespace {

struct EvidenceOptions {
  std::string quarter;
  std::string file;
};

void evidence(const Globals& globals, const EvidenceOptions& options) {
  app::Context context = globals.context();
  const base::Instant now = base::system_clock().now();
  const policy::Quarter quarter = options.quarter.empty()
                                      ? policy::quarter_at(now, context.policy().timezone)
                                      : policy::parse_quarter(options.quarter);
  const app::EvidenceReport report =
      app::pack_evidence(context, quarter, options.file, now, globals.token());
  if (globals.json) {
    base::Json packed = base::Json::object();
    for (const auto& [kind, count] : report.packed) packed[kind] = count;
    return print_json({{"file", report.file.string()},
                       {"quarter", policy::to_string(quarter)},
                       {"bytes", report.bytes},
                       {"packed", std::move(packed)},
                       {"redacted", report.redacted},
                       {"left_out", report.left_out}});
  }
  for (const auto& [kind, count] : report.packed) fmt::print("{:<20}{}\n", kind, count);
  for (const std::string& path : report.redacted)
    fmt::print("without password verifiers: {}\n", path);
  for (const std::string& one : report.left_out) fmt::print("NOT IN IT: {}\n", one);
  fmt::print("{}, {}: unpacked, 'sha256sum -c SHA256SUMS' compares each file\n",
             report.file.string(), base::human_bytes(report.bytes));
}

}  // namespace

void add_evidence(CLI::App& program, Globals& globals) {
  CLI::App* command = program.add_subcommand(
      "evidence",
      "pack a quarter's records, status and documents into one archive, for an auditor");
  auto options = std::make_shared<EvidenceOptions>();  // outlives this function with the callback
  command->add_option("--quarter", options->quarter, "as in 2026Q4; default the one that runs")
      ->type_name("QUARTER");
  command->add_option("-o,--output", options->file, "a new file, FILE.tar.zst or FILE.tar.gz")
      ->required()
      ->type_name("FILE");
  command->footer(
      "It holds no backup and no password, but names of roles, tables and hosts.\n"
      "Example:\n"
      "  seawall evidence --quarter 2026Q4 -o evidence.tar.zst\n"
      "  tar -xf evidence.tar.zst && cd seawall-evidence-* && sha256sum -c SHA256SUMS");
  command->callback([&globals, options] { evidence(globals, *options); });
}

}  // namespace cli
