// Any line as what the other side of the push socket says: read, or nothing; never an error.
#include "app/push_protocol.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string line(base::as_text(fuzz::view(data, size)));
  if (const auto request = app::parse_request(line);
      request && request->version == app::push_version) {
    const auto again = app::parse_request(app::request_line(*request));
    CHECK(again && again->file == request->file && again->policy == request->policy);
  }
  if (const auto why = app::why_declined(line))
    CHECK(app::why_declined(app::declined_line(*why)) == why);
  if (const auto result = app::parse_result(line); result && result->failure) {
    const auto again = app::parse_result(app::failed_line(*result->failure));
    CHECK(again && again->failure && again->failure->message() == result->failure->message());
  }
  return 0;
}
