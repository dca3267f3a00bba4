// A drill as a page for people: one HTML file that needs no other, fit to be printed and kept, with
// the time to restore over all drills as a plot. Pure; every text in it is escaped.
#pragma once

#include <string>
#include <vector>

#include "policy/zone.h"
#include "repository/drill_record.h"

namespace drill {

struct ReportRequest {
  std::string policy;  // its name
  policy::Zone zone;   // in which times are told
  repository::DrillRecord record;
  std::vector<repository::DrillRecord> history;  // oldest first; the record among them
  std::vector<repository::SignOff> sign_offs;    // of the record's quarter
};
std::string report_html(const ReportRequest& request);

// As text of HTML, within an element or an attribute's quotes.
std::string html_escaped(std::string_view text);

}  // namespace drill
