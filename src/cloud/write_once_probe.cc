#include "cloud/write_once_probe.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "cloud/s3_error.h"

namespace cloud {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::string_view canary_text =
    "a canary of seawall: it proves that nobody can overwrite it\n";
constexpr std::string_view other_text = "this was written over a canary\n";

// What of a bucket can be read and put again as it was. The last is what a part of it is called in
// "change the ...".
struct Setting {
  const char* query;
  const char* what;
};
constexpr Setting settings[] = {
    {"versioning", "versions"},    {"lifecycle", "lifecycle"},     {"object-lock", "default lock"},
    {"policy", "bucket's policy"}, {"replication", "replication"}, {"encryption", "encryption"},
};

// What an answer that is no success proves: that this credential may not, or that the server has no
// such call. One that finds fault with the request would let another pass.
ProbeOutcome refusal(const net::Response& answer) {
  constexpr std::array refusals = {401, 403, 405, 501};
  return std::ranges::find(refusals, answer.status) != refusals.end() ? ProbeOutcome::refused
                                                                      : ProbeOutcome::unproven;
}

class Probe {
 public:
  Probe(S3Store& store, base::Instant now, std::stop_token stop)
      : store_(store), stop_(std::move(stop)) {
    report_.url = store.url();
    std::array<std::byte, 4> draw{};
    base::fill_random(draw);
    report_.canary =
        fmt::format("{}{}-{}.json", canary_prefix, base::to_compact(now), base::to_hex(draw));
    key_ = store.full_key(storage::ObjectKey(report_.canary));
  }

  WriteOnceReport run() {
    const StoreFacts facts = store_.facts(stop_);
    store_.put_if_absent(storage::ObjectKey(report_.canary), base::as_bytes(canary_text), stop_);
    learn_version();
    overwrite("overwrite it", {});
    if (facts.conditional())
      overwrite("overwrite it where it must be absent", {{"If-None-Match", "*"}});
    remove("delete it", "");
    if (version_.empty()) {
      add("delete the version", ProbeOutcome::unproven, "the bucket keeps no versions");
    } else {
      remove("delete the version", version_);
    }
    shorten_lock();
    for (const Setting& setting : settings) put_again(setting);
    return std::move(report_);
  }

 private:
  void add(std::string what, ProbeOutcome outcome, std::string detail) {
    report_.steps.push_back({std::move(what), outcome, std::move(detail)});
  }

  net::Response ask(const std::string& method, const std::string& key,
                    const std::vector<std::pair<std::string, std::string>>& query,
                    base::ByteView body = {}, const net::Headers& headers = {}) {
    return store_.client().request(method, key, query, body, headers, stop_);
  }

  void learn_version() {
    const std::optional<S3Head> head = store_.client().head(key_, "", stop_);
    if (!head) throw Error(ErrorKind::unavailable, "the canary that was just put is not there");
    version_ = head->version_id == "null" ? "" : head->version_id;
    retained_until_ = head->headers.find("x-amz-object-lock-retain-until-date");
    lock_mode_ = head->headers.find("x-amz-object-lock-mode");
  }

  // Whether the canary's own bytes are still there: by its version, where there are versions.
  bool intact() {
    base::Bytes bytes(canary_text.size());
    try {
      store_.client().get(key_, version_, 0, bytes, stop_);
    } catch (const Error& failure) {
      if (failure.kind() == ErrorKind::absent || failure.kind() == ErrorKind::corrupt) return false;
      throw;
    }
    return base::as_text(bytes) == canary_text;
  }

  // An attempt that must be refused. What was let pass is harmless if the canary is intact.
  void judge(std::string what, const net::Response& answer) {
    const S3Failure failure = answer.ok() ? S3Failure{} : read_s3_failure(answer);
    const std::string detail = answer.ok() ? "the server let it pass" : failure.code;
    if (!intact()) return add(std::move(what), ProbeOutcome::lost, detail);
    add(std::move(what), answer.ok() ? ProbeOutcome::harmless : ProbeOutcome::refused, detail);
  }

  void overwrite(std::string what, const net::Headers& headers) {
    judge(std::move(what), ask("PUT", key_, {}, base::as_bytes(other_text), headers));
  }

  void remove(std::string what, const std::string& version) {
    std::vector<std::pair<std::string, std::string>> query;
    if (!version.empty()) query.emplace_back("versionId", version);
    judge(std::move(what), ask("DELETE", key_, query));
  }

  void shorten_lock() {
    const char* what = "shorten its lock";
    if (!retained_until_ || !lock_mode_ || version_.empty())
      return add(what, ProbeOutcome::unproven, "the canary is not locked");
    const std::string until = base::to_rfc3339(
        std::chrono::floor<std::chrono::seconds>(store_.now(stop_) + std::chrono::seconds(10)));
    const std::string body = fmt::format(
        "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>{}</Mode>"
        "<RetainUntilDate>{}</RetainUntilDate></Retention>",
        *lock_mode_, until);
    for (const bool bypass : {false, true}) {
      net::Headers headers;
      if (bypass) headers.add("x-amz-bypass-governance-retention", "true");
      const net::Response answer = ask("PUT", key_, {{"retention", ""}, {"versionId", version_}},
                                       base::as_bytes(body), headers);
      const std::string tried = bypass ? std::string(what) + " with the right to bypass" : what;
      if (answer.ok()) {
        add(tried, ProbeOutcome::lost, "what is locked can be unlocked by this credential");
      } else {
        add(tried, refusal(answer), read_s3_failure(answer).code);
      }
    }
  }

  void put_again(const Setting& setting) {
    const std::string what = fmt::format("change the {}", setting.what);
    const net::Response was = ask("GET", "", {{setting.query, ""}});
    if (!was.ok()) return add(what, ProbeOutcome::unproven, read_s3_failure(was).code);
    // Empty where nothing is configured: there is nothing that could be put as it was.
    if (was.text().find("<Status>") == std::string_view::npos &&
        std::string_view(setting.query) == "versioning") {
      return add(what, ProbeOutcome::unproven, "nothing is configured that could be put again");
    }
    const net::Response answer = ask("PUT", "", {{setting.query, ""}}, was.body);
    if (answer.ok()) {
      add(what, ProbeOutcome::allowed, "the server let it pass");
    } else {
      add(what, refusal(answer), read_s3_failure(answer).code);
    }
  }

  S3Store& store_;
  std::stop_token stop_;
  WriteOnceReport report_;
  std::string key_;      // whole
  std::string version_;  // empty: the bucket keeps none
  std::optional<std::string> retained_until_;
  std::optional<std::string> lock_mode_;
};

}  // namespace

std::string_view name(ProbeOutcome outcome) {
  switch (outcome) {
    case ProbeOutcome::refused:
      return "refused";
    case ProbeOutcome::harmless:
      return "harmless";
    case ProbeOutcome::lost:
      return "lost";
    case ProbeOutcome::allowed:
      return "allowed";
    case ProbeOutcome::unproven:
      return "unproven";
  }
  CHECK(false);
  return {};
}

bool WriteOnceReport::any(ProbeOutcome outcome) const {
  return std::ranges::any_of(steps, [&](const ProbeStep& step) { return step.outcome == outcome; });
}

WriteOnceReport probe_write_once(S3Store& store, base::Instant now, std::stop_token stop) {
  return base::while_doing(fmt::format("probing {}", store.url()),
                           [&] { return Probe(store, now, std::move(stop)).run(); });
}

}  // namespace cloud
