#include "drill/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drill/rto_plot.h"

namespace drill {
namespace {

using repository::DrillKind;
using repository::DrillRecord;
using std::chrono::hours;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

constexpr const char* evil = "</td><script>alert('\"&\")</script>";

// Hostile wherever a database, a person or an error can put a text.
DrillRecord evil_drill() {
  DrillRecord record;
  record.kind = DrillKind::latest;
  for (std::string* text :
       {&record.id, &record.host, &record.failed_step, &record.error_kind, &record.error,
        &record.hint, &record.source, &record.place, &record.target, &record.rpo_by})
    *text = evil;
  record.started = base::from_rfc3339("2026-11-22T19:00:00Z");
  record.ended = record.started + seconds(9);
  record.rto = seconds(7);
  record.rpo = seconds(31);
  record.rto_objective = seconds(900);
  record.steps = {{evil, seconds(1)}};
  record.known_bad = {{evil, evil, false}};
  record.checks = {{evil, repository::DrillVerdict::failed, evil}};
  record.tables = {{evil, 3}};
  record.notes = {evil};
  return record;
}

ReportRequest request(DrillRecord record) {
  ReportRequest wanted{.policy = evil,
                       .zone = policy::Zone::named("Asia/Singapore"),
                       .record = record,
                       .history = {record},
                       .sign_offs = {{.quarter = evil, .by = evil, .at = {}, .note = evil}}};
  return wanted;
}

TEST(Report, escapes_every_text) {
  const std::string html = report_html(request(evil_drill()));
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("alert('")));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(&#39;&quot;&amp;&quot;)&lt;/script&gt;"));
}

TEST(Report, needs_nothing_from_elsewhere) {
  const std::string html = report_html(request(evil_drill()));
  for (const char* outside : {"<link", "<img", "@import", "url(", "src="})
    EXPECT_THAT(html, Not(HasSubstr(outside)));
  EXPECT_THAT(html, HasSubstr("@media print"));
}

TEST(RtoPlot, shows_each_drill_that_was_measured_and_the_objective) {
  std::vector<DrillRecord> history;
  for (int week = 0; week < 5; ++week) {
    DrillRecord record;
    record.id = fmt::format("drill-{}", week);
    record.kind = week % 2 == 0 ? DrillKind::latest : DrillKind::dump;
    record.started = base::from_rfc3339("2026-11-01T00:00:00Z") + hours(168 * week);
    record.passed = week != 2;
    if (week != 4) record.rto = seconds(300 + 60 * week);
    record.rto_objective = seconds(900);
    history.push_back(record);
  }
  const std::string svg = rto_plot_svg(history, policy::Zone());
  for (int week = 0; week < 4; ++week)
    EXPECT_THAT(svg, HasSubstr(fmt::format("drill-{} {}", week, week == 2 ? "failed" : "passed")));
  EXPECT_THAT(svg, Not(HasSubstr("drill-4")));
  EXPECT_THAT(svg, HasSubstr("objective"));
  EXPECT_THAT(svg, HasSubstr("2026-11-22"));
  EXPECT_EQ(rto_plot_svg({}, policy::Zone()), "");
}

TEST(RtoPlot, draws_one_drill_that_took_no_time) {
  DrillRecord record;
  record.started = base::from_rfc3339("2026-11-01T00:00:00Z");
  record.rto = base::Duration::zero();
  EXPECT_THAT(rto_plot_svg({record}, policy::Zone()), Not(HasSubstr("nan")));
}

}  // namespace
}  // namespace drill
