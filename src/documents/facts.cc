#include "documents/facts.h"

#include <algorithm>

#include "policy/duration.h"

namespace documents {

const Rehearsal* last_proven_restore(const Evidence& evidence, std::string_view layer,
                                     std::string_view tier) {
  const auto proves = [&](const Rehearsal& one) {
    if (!one.passed) return false;
    if (layer == "dumps") return one.kind == "dump" || one.kind == "replica" || one.kind == "major";
    if (layer == "pitr") return one.kind == "latest" || one.kind == "moment";
    // Every physical drill begins with a snapshot; only `weekly` says which tier's.
    return tier == "weekly" ? one.kind == "weekly"
                            : one.kind == "latest" || one.kind == "moment" || one.kind == "weekly";
  };
  const Rehearsal* last = nullptr;
  for (const Rehearsal& one : evidence.rehearsals) {
    if (proves(one) && (last == nullptr || last->at < one.at)) last = &one;
  }
  return last;
}

namespace {

std::string_view trimmed(std::string_view line) {
  const size_t first = line.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(" \t\r") + 1 - first);
}

}  // namespace

std::string comment_above(std::string_view policy_text, std::string_view key) {
  std::string comment;
  while (!policy_text.empty()) {
    const size_t end = std::min(policy_text.find('\n'), policy_text.size());
    const std::string_view line = trimmed(policy_text.substr(0, end));
    policy_text.remove_prefix(std::min(end + 1, policy_text.size()));
    if (line.starts_with(key) && line.substr(key.size()).starts_with(":")) return comment;
    if (!line.starts_with('#')) {
      comment.clear();
      continue;
    }
    if (!comment.empty()) comment += ' ';
    comment += trimmed(line.substr(line.find_first_not_of('#') == std::string_view::npos
                                       ? line.size()
                                       : line.find_first_not_of('#')));
  }
  return {};
}

std::string minute_of(base::Instant instant, const policy::Zone& zone) {
  const policy::LocalTime local = zone.local(instant);
  const auto day = std::chrono::floor<std::chrono::days>(local);
  const auto minutes = std::chrono::floor<std::chrono::minutes>(local - day).count();
  return fmt::format("{} {:02}:{:02} {}", policy::local_date(instant, zone), minutes / 60,
                     minutes % 60, zone.name());
}

std::string cadence_in_words(const policy::Cadence& cadence, const policy::Zone& zone) {
  if (cadence.kind == policy::Cadence::Kind::every)
    return "Every " + policy::describe_duration(cadence.interval);
  const auto minutes = static_cast<int>(cadence.time_of_day.count());  // of a day
  constexpr const char* days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                  "Thursday", "Friday", "Saturday"};
  const bool by_night = minutes < 6 * 60 || minutes >= 20 * 60;
  const char* when = cadence.kind == policy::Cadence::Kind::weekly
                         ? days[cadence.weekday.c_encoding()]
                     : by_night ? "Nightly"
                                : "Daily";
  return fmt::format("{} {:02}:{:02} {}", when, minutes / 60, minutes % 60, zone.name());
}

std::string place_in_words(const policy::Place& place, const policy::Reach& own,
                           const policy::S3& settings) {
  if (place.kind == policy::Place::Kind::file) return place.url();
  std::optional<std::string> region = own.region;
  if (!region) region = policy::region_in_name(place);
  if (!region) region = settings.reach.region;
  return region ? fmt::format("{} ({})", place.url(), *region) : place.url();
}

bool in_buckets(const policy::Policy& policy) {
  if (policy.repository.store.kind == policy::Place::Kind::s3) return true;
  return std::ranges::any_of(policy.layers.dumps, [](const policy::DumpTier& tier) {
    return tier.store.kind == policy::Place::Kind::s3;
  });
}

}  // namespace documents
