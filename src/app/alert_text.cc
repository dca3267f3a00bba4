#include "app/alert_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/time.h"
#include "monitor/runbook_sections.h"

namespace app {

using monitor::AlertStep;

AlertItem item_of(const monitor::Alert& alert, const std::vector<monitor::Alert>& all) {
  const monitor::AlertEvent& event = alert.events.back();
  return {.key = alert.key,
          .number = alert.number,
          .group = alert.group,
          .group_open = std::ranges::any_of(all,
                                            [&](const monitor::Alert& other) {
                                              return other.open() && other.group == alert.group;
                                            }),
          .step = event.step,
          .severity = event.severity,
          .what = event.what,
          .remedy = event.remedy,
          .section = alert.section,
          .begun = std::min(alert.since.value_or(alert.opened()), alert.opened()),
          .at = event.at};
}

std::string runbook_link(const Bulletin& bulletin, const AlertItem& item) {
  if (bulletin.runbooks.empty() || item.section.empty()) return {};
  return monitor::runbook::link(bulletin.runbooks, item.section);
}

std::string item_title(const AlertItem& item) {
  const std::string_view state = item.step == AlertStep::resolved ? "mended" : name(item.severity);
  return fmt::format("{}{}: {}", state, item.step == AlertStep::repeated ? ", still" : "",
                     item.what);
}

std::string headline(const Bulletin& bulletin) {
  std::string text = bulletin.policy + ": ";
  if (bulletin.test) text = "TEST, nothing is wrong: " + text;
  if (bulletin.items.empty()) return text + "an alert";
  // The worst first; what is mended only where nothing else is told.
  const auto worst = std::ranges::max_element(bulletin.items, {}, [](const AlertItem& item) {
    return item.step == AlertStep::resolved ? -1 : static_cast<int>(item.severity);
  });
  text += item_title(*worst);
  if (bulletin.items.size() > 1) text += fmt::format(" (and {} more)", bulletin.items.size() - 1);
  return text;
}

std::string duration_line(const AlertItem& item) {
  return fmt::format("{}since {}, for {}", item.step == AlertStep::resolved ? "it was so " : "",
                     base::to_rfc3339(std::chrono::floor<std::chrono::seconds>(item.begun)),
                     base::human_duration(item.at - item.begun));
}

std::string plain_text(const Bulletin& bulletin) {
  std::string text;
  if (bulletin.test)
    text += "This is a test of seawall's alerts: nothing is wrong, nothing is to be done.\n\n";
  for (const AlertItem& item : bulletin.items) {
    text += fmt::format("{}\n  {}\n", item_title(item), duration_line(item));
    if (item.step != AlertStep::resolved) {
      text += fmt::format("  do: {}\n", item.remedy);
      const std::string link = runbook_link(bulletin, item);
      if (!link.empty()) text += fmt::format("  runbook: {}\n", link);
    }
    text += "\n";
  }
  if (!bulletin.exposure.empty()) text += bulletin.exposure + "\n";
  return text;
}

std::string plain_text(const News& news) {
  std::string text = fmt::format("{}: {}\n", news.policy, news.headline);
  for (const std::string& line : news.lines) text += "  " + line + "\n";
  return text;
}

base::Instant now_of(const Bulletin& bulletin) {
  base::Instant newest{};
  for (const AlertItem& item : bulletin.items) newest = std::max(newest, item.at);
  return newest;
}

std::string shortened(std::string text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  size_t end = bytes_max - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text + "...";
}

}  // namespace app
