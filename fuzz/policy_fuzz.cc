// Any text at all as a policy: a Policy or an Error of kind invalid, in bounded time and memory.
// What parses is judged, too.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "policy/due.h"
#include "policy/policy.h"
#include "policy/retention.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const policy::Policy parsed = policy::parse(text, "fuzz.yaml");
    const base::Instant now{std::chrono::seconds{1'795'320'000}};  // 2026-11-22
    (void)policy::judge_policy(parsed, {}, now);
    (void)policy::decide_retention(parsed, {}, now);
  } catch (const base::Error& failure) {
    CHECK(failure.kind() == base::ErrorKind::invalid);
    CHECK(failure.message().starts_with("fuzz.yaml:"));
  }
  return 0;
}
