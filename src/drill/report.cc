#include "drill/report.h"

#include <algorithm>

#include "drill/rto_plot.h"
#include "policy/moment.h"

namespace drill {

using repository::DrillRecord;
using repository::DrillVerdict;

namespace {

constexpr const char* style = R"(
  body { font: 15px/1.45 sans-serif; color: #222; max-width: 60em; margin: 2em auto; padding: 0 1em; }
  h1 { font-size: 1.5em; margin-bottom: 0; } h2 { font-size: 1.1em; margin-top: 1.6em; }
  table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top;
    padding: .25em .6em .25em 0; border-bottom: 1px solid #ddd; }
  td.number, th.number { text-align: right; }
  .passed { color: #1c6b36; font-weight: bold; } .failed { color: #b00; font-weight: bold; }
  .unproven { color: #8a5a00; font-weight: bold; } .why { border-left: 4px solid #b00; padding: .3em 1em; }
  .muted { color: #666; } svg { width: 100%; height: auto; }
  @media print { body { margin: 0; max-width: none; font-size: 11pt; } tr, svg { break-inside: avoid; } }
)";

std::string cell(std::string_view text, const char* css = "") {
  return *css == '\0' ? fmt::format("<td>{}</td>", html_escaped(text))
                      : fmt::format("<td class=\"{}\">{}</td>", css, html_escaped(text));
}

std::string verdict_cell(DrillVerdict verdict) {
  return fmt::format("<td class=\"{0}\">{0}</td>", repository::name(verdict));
}

std::string with_objective(const std::optional<base::Duration>& took,
                           const std::optional<base::Duration>& objective) {
  if (!took) return "not measured";
  std::string text = base::human_duration(*took);
  if (objective) text += fmt::format(" (objective: {})", base::human_duration(*objective));
  return text;
}

class Page {
 public:
  explicit Page(const ReportRequest& request) : request_(request), record_(request.record) {}

  std::string html() {
    const std::string title = fmt::format("Restore drill {}", record_.id);
    text_ = fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<title>{0}</title>\n<style>{1}</style>\n</head>\n<body>\n<h1>{0}</h1>\n",
        html_escaped(title), style);
    summary();
    facts();
    steps();
    checks();
    known_bad();
    plot();
    tables();
    sign_offs();
    return text_ + "</body>\n</html>\n";
  }

 private:
  void summary() {
    text_ +=
        fmt::format("<p>Policy {}: {}, <span class=\"{}\">{}</span></p>\n",
                    html_escaped(request_.policy), repository::name(record_.kind),
                    record_.passed ? "passed" : "failed", record_.passed ? "passed" : "failed");
    if (record_.passed) return;
    text_ += fmt::format("<p class=\"why\">{}", html_escaped(record_.failure()));
    if (!record_.hint.empty()) text_ += fmt::format("<br>{}", html_escaped(record_.hint));
    text_ += "</p>\n";
  }

  void fact(std::string_view what, std::string_view value) {
    if (value.empty()) return;
    text_ += fmt::format("<tr><th>{}</th>{}</tr>\n", html_escaped(what), cell(value));
  }

  void facts() {
    text_ += "<table>\n";
    fact("Held", policy::describe_moment(record_.started, request_.zone));
    fact("On host", record_.host);
    fact("Took", base::human_duration(record_.ended - record_.started));
    fact("Restored", record_.source);
    fact("From", record_.place);
    fact("To", record_.target);
    if (record_.seed) fact("Seed", std::to_string(*record_.seed));
    if (record_.moment)
      fact("Newest thing in it", policy::describe_moment(*record_.moment, request_.zone));
    if (record_.major != 0)
      fact("Into", fmt::format("PostgreSQL {}{}", record_.major,
                               record_.cut_off ? ", cut off from every network" : ""));
    fact("Time to restore (RTO)", with_objective(record_.rto, record_.rto_objective));
    if (record_.at_worst) fact("When there is most to restore", describe(*record_.at_worst));
    std::string rpo = with_objective(record_.rpo, record_.rpo_objective);
    if (record_.rpo) rpo += ", by the " + record_.rpo_by;
    fact("Data that would be lost (RPO)", rpo);
    for (const std::string& note : record_.notes) fact("Note", note);
    text_ += "</table>\n";
  }

  void steps() {
    if (record_.steps.empty()) return;
    text_ += "<h2>Steps</h2>\n<table>\n";
    for (const repository::DrillStep& step : record_.steps)
      text_ += fmt::format("<tr>{}{}</tr>\n", cell(step.name),
                           cell(base::human_duration(step.took), "number"));
    text_ += "</table>\n";
  }

  void checks() {
    if (record_.checks.empty()) return;
    text_ += "<h2>Checks</h2>\n<table>\n";
    for (const repository::DrillCheckResult& check : record_.checks)
      text_ += fmt::format("<tr>{}{}{}</tr>\n", cell(check.name), verdict_cell(check.verdict),
                           cell(check.seen));
    text_ += "</table>\n";
  }

  void known_bad() {
    if (record_.known_bad.empty()) return;
    text_ += "<h2>Damage done on purpose, which the checks had to find</h2>\n<table>\n";
    for (const repository::KnownBad& bad : record_.known_bad)
      text_ +=
          fmt::format("<tr>{}{}{}</tr>\n", cell(bad.what), cell("by " + bad.check),
                      cell(bad.caught ? "found" : "NOT FOUND", bad.caught ? "passed" : "failed"));
    text_ += "</table>\n";
  }

  void plot() {
    const std::string svg = rto_plot_svg(request_.history, request_.zone);
    if (svg.empty()) return;
    text_ += "<h2>Time to restore, by drill</h2>\n" + svg +
             "<p class=\"muted\">A hollow dot is a drill that failed.</p>\n";
  }

  void tables() {
    if (record_.tables.empty()) return;
    std::vector<repository::TableCount> all = record_.tables;
    std::ranges::sort(all, std::ranges::greater(), &repository::TableCount::rows);
    text_ += "<h2>Tables</h2>\n<table>\n<tr><th>table</th><th class=\"number\">rows</th></tr>\n";
    for (const repository::TableCount& table : all)
      text_ += fmt::format("<tr>{}{}</tr>\n", cell(table.table),
                           cell(std::to_string(table.rows), "number"));
    text_ += "</table>\n";
  }

  void sign_offs() {
    for (const repository::SignOff& one : request_.sign_offs) {
      text_ += fmt::format("<p>{} was signed off by {} on {}.{}</p>\n", html_escaped(one.quarter),
                           html_escaped(one.by), policy::local_date(one.at, request_.zone),
                           one.note.empty() ? "" : " " + html_escaped(one.note));
    }
  }

  const ReportRequest& request_;
  const DrillRecord& record_;
  std::string text_;
};

}  // namespace

std::string html_escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string report_html(const ReportRequest& request) { return Page(request).html(); }

}  // namespace drill
