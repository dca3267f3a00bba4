// Any bytes as what a server says of a bucket's configuration: read, or corrupt. What was read can
// be judged.
#include "app/check_buckets.h"
#include "fuzz.h"

namespace {

template <typename Value>
app::Answer<Value> known(Value value) {
  return {.value = std::move(value), .unproven = {}};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = base::as_text(fuzz::view(data, size));
  app::Posture posture;
  posture.versioned = known(true);
  posture.facts = known(cloud::StoreFacts{.versioned = !text.empty()});
  const auto each = [](auto&& read) { fuzz::refused_at_worst({base::ErrorKind::corrupt}, read); };
  each([&] { posture.lifecycle = known(app::parse_lifecycle(text)); });
  each([&] { posture.replication = known(app::parse_replication(text)); });
  each([&] { posture.lock = known(app::parse_bucket_lock(text)); });
  each([&] { posture.region = known(app::parse_location(text)); });
  each([&] { posture.versioned = known(app::parse_versioning(text)); });
  each([&] { posture.encryption = known(app::parse_encryption(text)); });
  each([&] { posture.public_blocked = known(app::parse_public_block(text)); });
  each([&] { posture.owner = known(app::parse_owner(text)); });
  for (const auto kind : {app::BucketUse::Kind::repository, app::BucketUse::Kind::dumps}) {
    app::BucketUse use{.kind = kind, .subject = "s", .retain = std::chrono::days(90)};
    use.replicates_to = "far";
    (void)app::judge_bucket(use, posture);
  }
  return 0;
}
