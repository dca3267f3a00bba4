#include "app/timeline_picture.h"

#include <algorithm>

#include "base/error.h"
#include "policy/moment.h"

namespace app {

using base::Instant;

namespace {

class Canvas {
 public:
  Canvas(const TimelineFacts& facts, size_t width) : facts_(facts), width_(width) {
    CHECK(width >= 2);
  }

  std::optional<size_t> column(Instant at) const {
    if (at < facts_.begin || at > facts_.end) return std::nullopt;
    const double all = std::chrono::duration<double>(facts_.end - facts_.begin).count();
    if (all <= 0) return 0;
    const double part = std::chrono::duration<double>(at - facts_.begin).count() / all;
    return std::min(width_ - 1, static_cast<size_t>(part * static_cast<double>(width_)));
  }

  std::string points(const std::vector<Instant>& instants, char mark) const {
    std::string row(width_, '.');
    for (const Instant at : instants) {
      if (const std::optional<size_t> where = column(at)) row[*where] = mark;
    }
    return row;
  }

  // What is not whole over all of a column is shown as the hole that it has.
  std::string spans(const std::vector<Span>& stretches) const {
    std::string row(width_, '.');
    for (size_t i = 0; i < stretches.size(); ++i) {
      const Span& span = stretches[i];
      if (span.end < facts_.begin || span.begin > facts_.end) continue;
      const size_t first = column(std::max(span.begin, facts_.begin)).value_or(0);
      const size_t last = column(std::min(span.end, facts_.end)).value_or(width_ - 1);
      for (size_t at = first; at <= last; ++at) row[at] = row[at] == 'x' ? 'x' : '=';
      if (i == 0) continue;
      const std::optional<size_t> hole_from = column(stretches[i - 1].end);
      for (size_t at = hole_from.value_or(0); at <= first; ++at) row[at] = 'x';
    }
    return row;
  }

 private:
  const TimelineFacts& facts_;
  size_t width_;
};

std::string to_minute(Instant at, const policy::Zone& zone) {
  const std::string text =
      policy::describe_moment(std::chrono::floor<std::chrono::minutes>(at), zone);
  return text.substr(0, 16);
}

}  // namespace

TimelineFacts timeline_facts(const monitor::Catalog& catalog, Instant begin, Instant end) {
  TimelineFacts facts{.begin = begin, .end = end, .snapshots = {}, .logs = {}, .marks = {}};
  if (catalog.epochs.empty()) return facts;
  const uint32_t epoch = catalog.epochs.back().number.value;
  for (const repository::SnapshotRoot& root : catalog.snapshots) {
    if (root.epoch.value == epoch) facts.snapshots.push_back(root.stopped);
  }
  const auto of_epoch = catalog.wal.find(epoch);
  if (of_epoch == catalog.wal.end()) return facts;
  for (const auto& [timeline, held] : of_epoch->second) {
    TimelineFacts::Log log{.timeline = timeline, .stretches = {}};
    std::optional<uint64_t> before;
    for (const auto& [number, holding] : held) {
      if (!before || number != *before + 1) {
        log.stretches.push_back({holding.stored_at, holding.stored_at});
      }
      log.stretches.back().end = std::max(log.stretches.back().end, holding.stored_at);
      before = number;
    }
    facts.logs.push_back(std::move(log));
  }
  return facts;
}

std::string timeline_picture(const TimelineFacts& facts, const policy::Zone& zone, size_t width) {
  const Canvas canvas(facts, width);
  const auto row = [](const std::string& name, const std::string& text) {
    return fmt::format("  {:<13}{}\n", name, text);
  };
  std::string picture = row("snapshots", canvas.points(facts.snapshots, 'S'));
  for (const TimelineFacts::Log& log : facts.logs) {
    picture += row(facts.logs.size() == 1 ? "log" : fmt::format("log {}", log.timeline),
                   canvas.spans(log.stretches));
  }
  if (!facts.marks.empty()) picture += row("transactions", canvas.points(facts.marks, '*'));
  const std::string left = to_minute(facts.begin, zone);
  const std::string right = to_minute(facts.end, zone);
  const size_t between =
      left.size() + right.size() < width ? width - left.size() - right.size() : 1;
  picture += row("", left + std::string(between, ' ') + right);
  return picture;
}

}  // namespace app
