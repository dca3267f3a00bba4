#include "app/alert_book.h"

#include <algorithm>

#include "base/error.h"

namespace app {

using base::Error;
using base::ErrorKind;
using base::Instant;
using monitor::Alert;
using monitor::AlertEvent;
using monitor::AlertStep;
using monitor::NewEvent;
using monitor::Telling;
using repository::Repository;

namespace {

constexpr size_t news_max = 1000;
constexpr base::Duration remembered = std::chrono::hours(48);  // of alerts that are over

bool same_event(const AlertEvent& a, const AlertEvent& b) {
  return a.step == b.step && a.repeat == b.repeat;
}

}  // namespace

void AlertBook::read(const Repository& repository, Instant now, std::stop_token stop) {
  save(repository, stop);
  alerts_ = monitor::read_alerts(repository, bodies_, now, stop);
  for (const Unsaved& unsaved : unsaved_) apply(unsaved);
  std::erase_if(unsaved_, [&](const Unsaved& unsaved) {
    const Alert* const alert = find(unsaved.event.key, unsaved.event.number);
    return alert == nullptr || (!alert->open() && now - alert->events.back().at > remembered);
  });
}

bool AlertBook::record(const Repository* repository, const NewEvent& event, std::stop_token stop) {
  Unsaved unsaved{.event = event, .event_saved = false, .tellings = {}};
  bool first = true;
  if (repository != nullptr) {
    unsaved.event_saved = attempt([&] { first = monitor::put_event(*repository, event, stop); });
  }
  unsaved.event.event.ours = first;
  apply(unsaved);
  if (!unsaved.event_saved) unsaved_.push_back(std::move(unsaved));
  return first;
}

void AlertBook::record(const Repository* repository, size_t alert, const Telling& telling,
                       int number, std::stop_token stop) {
  Alert& of = alerts_[alert];
  AlertEvent& event = of.events.back();
  event.tellings.push_back(telling);
  const bool saved = repository != nullptr && attempt([&] {
                       monitor::put_telling(*repository, of, event, telling, number, stop);
                     });
  if (!saved) unsaved_for(of).tellings.emplace_back(telling, number);
}

bool AlertBook::claim_news(const Repository* repository, const std::string& what, Instant of,
                           Instant begun, Instant now, std::stop_token stop) {
  bool first = false;
  if (repository != nullptr &&
      attempt([&] { first = monitor::claim_news(*repository, what, now, stop); }))
    return first;
  if (of < begun || std::ranges::find(news_, what) != news_.end()) return false;
  if (news_.size() >= news_max) news_.erase(news_.begin());
  news_.push_back(what);
  return true;
}

bool AlertBook::attempt(const std::function<void()>& put) {
  try {
    put();
    only_in_memory_.clear();
    return true;
  } catch (const Error& failure) {
    // That something is wrong must be told even if that it was told cannot be written down.
    if (failure.kind() == ErrorKind::cancelled) throw;
    only_in_memory_ = fmt::format("{}: {}", base::name(failure.kind()), failure.message());
    return false;
  }
}

void AlertBook::save(const Repository& repository, std::stop_token stop) {
  for (Unsaved& unsaved : unsaved_) {
    if (!unsaved.event_saved) {
      unsaved.event_saved = attempt([&] { monitor::put_event(repository, unsaved.event, stop); });
    }
    if (!unsaved.event_saved) return;  // one try each look tells whether it may
    const Alert alert{.key = unsaved.event.key,
                      .number = unsaved.event.number,
                      .group = {},
                      .section = {},
                      .since = {},
                      .events = {}};
    std::erase_if(unsaved.tellings, [&](const std::pair<Telling, int>& telling) {
      return attempt([&] {
        monitor::put_telling(repository, alert, unsaved.event.event, telling.first, telling.second,
                             stop);
      });
    });
  }
  std::erase_if(unsaved_, [](const Unsaved& unsaved) {
    return unsaved.event_saved && unsaved.tellings.empty();
  });
}

void AlertBook::apply(const Unsaved& unsaved) {
  const NewEvent& event = unsaved.event;
  Alert* alert = find(event.key, event.number);
  if (alert == nullptr) {
    if (event.event.step != AlertStep::opened) return;  // of one that is long over
    alerts_.push_back({.key = event.key,
                       .number = event.number,
                       .group = event.group,
                       .section = event.section,
                       .since = event.since,
                       .events = {event.event}});
    alert = &alerts_.back();
  }
  auto at = std::ranges::find_if(
      alert->events, [&](const AlertEvent& one) { return same_event(one, event.event); });
  if (at == alert->events.end()) {
    if (!alert->open()) return;  // another watcher has resolved it meanwhile
    alert->events.push_back(event.event);
    at = alert->events.end() - 1;
  }
  at->ours = event.event.ours;
  for (const auto& [telling, attempt] : unsaved.tellings) {
    const bool known = std::ranges::any_of(at->tellings, [&, &one = telling](const Telling& other) {
      return other.route == one.route && other.at == one.at;
    });
    if (!known) at->tellings.push_back(telling);
  }
}

Alert* AlertBook::find(const std::string& key, int number) {
  const auto at = std::ranges::find_if(
      alerts_, [&](const Alert& alert) { return alert.key == key && alert.number == number; });
  return at == alerts_.end() ? nullptr : &*at;
}

AlertBook::Unsaved& AlertBook::unsaved_for(const Alert& alert) {
  for (Unsaved& unsaved : unsaved_) {
    if (unsaved.event.key == alert.key && unsaved.event.number == alert.number &&
        same_event(unsaved.event.event, alert.events.back()))
      return unsaved;
  }
  Unsaved unsaved{.event = {.key = alert.key,
                            .number = alert.number,
                            .group = alert.group,
                            .section = alert.section,
                            .since = alert.since,
                            .event = alert.events.back()},
                  .event_saved = true,
                  .tellings = {}};
  unsaved.event.event.tellings.clear();
  unsaved_.push_back(std::move(unsaved));
  return unsaved_.back();
}

}  // namespace app
