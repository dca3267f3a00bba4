// Any bytes as the answer of an S3 server: a listing, an upload's id, an error, or corrupt. What an
// error says is always told as one of our kinds, in printable text.
#include <algorithm>

#include "cloud/s3_error.h"
#include "cloud/s3_listing.h"
#include "cloud/store_facts.h"
#include "fuzz.h"

namespace {

void read_error(base::ByteView bytes, int status) {
  const net::Response answer{.status = status, .headers = {}, .body = {bytes.begin(), bytes.end()}};
  try {
    cloud::throw_s3(cloud::read_s3_failure(answer), "asking");
  } catch (const base::Error& failure) {
    CHECK(std::ranges::all_of(failure.message(), [](unsigned char c) { return c >= ' '; }));
    CHECK(failure.message().size() < 2000);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const base::ByteView bytes = fuzz::view(data, size).subspan(1);
  const std::string_view text = base::as_text(bytes);
  constexpr int statuses[] = {200, 301, 400, 403, 404, 409, 412, 416, 500, 503, 507};
  read_error(bytes, statuses[data[0] % std::size(statuses)]);
  const auto each = [](auto&& read) { fuzz::refused_at_worst({base::ErrorKind::corrupt}, read); };
  each([&] { (void)cloud::parse_object_list(text); });
  each([&] { (void)cloud::parse_version_list(text); });
  each([&] { (void)cloud::parse_upload_list(text); });
  each([&] { (void)cloud::parse_upload_id(text); });
  each([&] { (void)cloud::parse_facts(text); });
  return 0;
}
