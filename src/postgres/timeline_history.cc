#include "postgres/timeline_history.h"

#include <charconv>
#include <limits>

#include "base/error.h"

namespace postgres {

namespace {
constexpr Lsn end_of_time{std::numeric_limits<uint64_t>::max()};
}

TimelineHistory::TimelineHistory(Timeline timeline) : legs_{{timeline, Lsn{}, end_of_time}} {}

TimelineHistory TimelineHistory::parse(Timeline timeline, std::string_view text) {
  const auto fail = [&](std::string_view line) {
    return base::error(base::ErrorKind::corrupt, "{} has a line that is no leg of a history: '{}'",
                       history_file_name(timeline), line.substr(0, 80));
  };
  TimelineHistory history(timeline);
  history.legs_.clear();
  Lsn begin{};
  while (!text.empty()) {
    const size_t newline = text.find('\n');
    std::string_view line = text.substr(0, newline);
    text = newline == std::string_view::npos ? std::string_view{} : text.substr(newline + 1);
    const size_t first = line.find_first_not_of(" \t\r");
    if (first == std::string_view::npos || line[first] == '#') continue;
    line = line.substr(first);
    uint32_t number = 0;
    const auto [after, failed] = std::from_chars(line.data(), line.data() + line.size(), number);
    if (failed != std::errc{} || number == 0) throw fail(line);
    std::string_view rest = line.substr(static_cast<size_t>(after - line.data()));
    const size_t from = rest.find_first_not_of(" \t");
    if (from == std::string_view::npos || from == 0) throw fail(line);
    rest = rest.substr(from);
    Lsn end{};
    try {
      end = parse_lsn(rest.substr(0, rest.find_first_of(" \t\r")));
    } catch (const base::Error&) {
      throw fail(line);
    }
    const Timeline last = history.legs_.empty() ? Timeline{} : history.legs_.back().timeline;
    if (number <= last.value || number >= timeline.value || end < begin) throw fail(line);
    history.legs_.push_back({Timeline{number}, begin, end});
    begin = end;
  }
  history.legs_.push_back({timeline, begin, end_of_time});
  return history;
}

Timeline TimelineHistory::timeline_at(Lsn lsn) const {
  for (const Leg& leg : legs_) {
    if (lsn < leg.end) return leg.timeline;
  }
  return timeline();
}

bool TimelineHistory::contains(Timeline timeline, Lsn lsn) const {
  for (const Leg& leg : legs_) {
    if (leg.timeline == timeline) return lsn <= leg.end;
  }
  return false;
}

}  // namespace postgres
