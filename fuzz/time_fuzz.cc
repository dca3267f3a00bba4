// Any text as a moment, a cadence, a duration, a pattern, a place or a connection: a value that is
// written and read back as itself, or an Error of kind invalid.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "policy/calendar.h"
#include "policy/connection_source.h"
#include "policy/duration.h"
#include "policy/moment.h"
#include "policy/place.h"
#include "policy/table_pattern.h"

namespace {

template <typename Work>
void invalid_at_worst(Work&& work) {
  try {
    work();
  } catch (const base::Error& failure) {
    CHECK(failure.kind() == base::ErrorKind::invalid);
    CHECK((failure.message() + failure.hint()).find('\n') == std::string::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  invalid_at_worst([&] {
    const base::Instant instant = policy::parse_moment(text);
    CHECK(!policy::describe_moment(instant, policy::Zone::named("America/New_York")).empty());
  });
  invalid_at_worst([&] {
    const policy::Cadence cadence = policy::parse_cadence(text);
    CHECK(policy::parse_cadence(policy::print_cadence(cadence)) == cadence);
    const base::Instant now{std::chrono::seconds{1'795'320'000}};
    CHECK(policy::next_slot_after(cadence, policy::Zone::named("Australia/Lord_Howe"), now) > now);
  });
  invalid_at_worst([&] {
    const base::Duration duration = policy::parse_duration(text);
    CHECK(policy::parse_duration(policy::print_duration(duration)) == duration);
  });
  invalid_at_worst([&] {
    const policy::TablePattern pattern = policy::TablePattern::parse(text);
    (void)pattern.matches("public", "j0af5b2c3");
  });
  invalid_at_worst([&] {
    const policy::Place place = policy::parse_place(text);
    CHECK(policy::parse_place(place.url()) == place);
  });
  invalid_at_worst([&] {
    const policy::ConnectionSource source = policy::parse_connection(text);
    CHECK(policy::parse_connection(policy::print_connection(source)) == source);
  });
  return 0;
}
