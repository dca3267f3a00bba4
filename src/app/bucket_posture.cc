#include "app/bucket_posture.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "cloud/s3_error.h"
#include "cloud/xml.h"

namespace app {

using base::ErrorKind;
using cloud::parse_xml;
using cloud::XmlElement;

namespace {

constexpr size_t shadows_max = 5;

constexpr int number_max = 100'000;  // no time in days or years that means anything is longer

// It is shown to people, and a terminal obeys control characters.
std::string printable(std::string text) {
  std::ranges::replace_if(
      text, [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
  return text;
}

std::string text_of(const XmlElement& element, std::string_view child) {
  return printable(element.value(child).value_or(""));
}

int number_of(const XmlElement& element, std::string_view child) {
  const std::string& text = element.require(child);
  int number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc{} || end != text.data() + text.size() || number < 0 ||
      number > number_max)
    throw base::error(ErrorKind::corrupt, "{} is no number of days", child);
  return number;
}

std::optional<int> days_in(const XmlElement& rule, std::string_view action, std::string_view days) {
  const XmlElement* found = rule.find(action);
  if (found == nullptr || !found->value(days)) return std::nullopt;
  return number_of(*found, days);
}

// The prefix of a rule, and whether it asks for more than that.
struct Filter {
  std::string prefix;
  bool is_filtered = false;
};
Filter filter_of(const XmlElement& rule) {
  const XmlElement* filter = rule.find("Filter");
  if (filter == nullptr) return {.prefix = text_of(rule, "Prefix")};
  Filter found;
  const auto take = [&](const XmlElement& one) {
    if (one.name == "Prefix") {
      found.prefix = one.text;
    } else if (one.name != "And") {
      found.is_filtered = true;
    }
  };
  for (const XmlElement& one : filter->children) take(one);
  if (const XmlElement* both = filter->find("And")) {
    for (const XmlElement& one : both->children) take(one);
  }
  return found;
}

bool is_enabled(const XmlElement& rule) { return rule.value("Status") == "Enabled"; }

// A question about the bucket. 404 is "nothing is configured"; what we may not ask, and what the
// server does not know, is unproven.
template <typename Parse>
auto ask(cloud::S3Client& client, const std::string& what, const Parse& parse,
         const std::stop_token& stop) -> Answer<decltype(parse(std::string_view()))> {
  const net::Response answer = client.request("GET", "", {{what, ""}}, {}, {}, stop);
  if (answer.ok())
    return {.value = base::while_doing(what, [&] { return parse(answer.text()); }), .unproven = {}};
  const cloud::S3Failure failure = cloud::read_s3_failure(answer);
  if (failure.code == "NoSuchBucket") cloud::throw_s3(failure, client.doing("GET", "?" + what));
  if (answer.status == 404) return {};
  if (answer.status == 401 || answer.status == 403)
    return {.value = {}, .unproven = fmt::format("this credential may not ask ({})", failure.code)};
  if (answer.status == 405 || answer.status == 501 || answer.status == 400)
    return {.value = {}, .unproven = "this server does not answer it"};
  cloud::throw_s3(failure, client.doing("GET", "?" + what));
}

Answer<cloud::StoreFacts> facts_of(cloud::S3Client& client, const std::string& prefix,
                                   const std::stop_token& stop) {
  try {
    std::optional<cloud::StoreFacts> facts = cloud::read_facts(client, prefix, stop);
    if (facts) return {.value = facts, .unproven = {}};
    return {.value = {}, .unproven = "nothing was put there yet, so its server was never asked"};
  } catch (const base::Error& failure) {
    if (failure.kind() != ErrorKind::denied) throw;
    return {.value = {}, .unproven = failure.message()};
  }
}

}  // namespace

std::vector<LifecycleRule> parse_lifecycle(std::string_view xml) {
  const XmlElement root = parse_xml(xml);
  std::vector<LifecycleRule> rules;
  for (const XmlElement& one : root.children) {
    if (one.name != "Rule") continue;
    const Filter filter = filter_of(one);
    LifecycleRule rule{.id = text_of(one, "ID"),
                       .enabled = is_enabled(one),
                       .prefix = filter.prefix,
                       .is_filtered = filter.is_filtered};
    if (const XmlElement* expiration = one.find("Expiration")) {
      rule.expires_by_date = expiration->value("Date").has_value();
      rule.removes_markers = text_of(*expiration, "ExpiredObjectDeleteMarker") == "true";
    }
    rule.expire_days = days_in(one, "Expiration", "Days");
    rule.noncurrent_days = days_in(one, "NoncurrentVersionExpiration", "NoncurrentDays");
    rule.abort_days = days_in(one, "AbortIncompleteMultipartUpload", "DaysAfterInitiation");
    rules.push_back(std::move(rule));
  }
  return rules;
}

std::vector<ReplicationRule> parse_replication(std::string_view xml) {
  const XmlElement root = parse_xml(xml);
  std::vector<ReplicationRule> rules;
  for (const XmlElement& one : root.children) {
    if (one.name != "Rule") continue;
    const Filter filter = filter_of(one);
    const XmlElement* destination = one.find("Destination");
    if (destination == nullptr)
      throw base::Error(ErrorKind::corrupt, "a rule of replication has no destination");
    ReplicationRule rule{.enabled = is_enabled(one),
                         .prefix = filter.prefix,
                         .is_filtered = filter.is_filtered,
                         .bucket = text_of(*destination, "Bucket")};
    rule.bucket.erase(0, rule.bucket.rfind(':') + 1);  // of an ARN
    if (const XmlElement* encryption = destination->find("EncryptionConfiguration"))
      rule.key = text_of(*encryption, "ReplicaKmsKeyID");
    if (const XmlElement* source = one.find("SourceSelectionCriteria")) {
      const XmlElement* encrypted = source->find("SseKmsEncryptedObjects");
      rule.takes_encrypted = encrypted != nullptr && is_enabled(*encrypted);
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

BucketLock parse_bucket_lock(std::string_view xml) {
  const XmlElement root = parse_xml(xml);
  if (root.value("ObjectLockEnabled") != "Enabled")
    throw base::Error(ErrorKind::corrupt, "a lock's configuration is not enabled");
  BucketLock lock;
  const XmlElement* rule = root.find("Rule");
  const XmlElement* retention = rule == nullptr ? nullptr : rule->find("DefaultRetention");
  if (retention == nullptr) return lock;
  if (retention->value("Days")) lock.default_days = number_of(*retention, "Days");
  if (retention->value("Years")) lock.default_days = 365 * number_of(*retention, "Years");
  return lock;
}

std::string parse_location(std::string_view xml) { return printable(parse_xml(xml).text); }

bool parse_versioning(std::string_view xml) { return parse_xml(xml).value("Status") == "Enabled"; }

std::string parse_encryption(std::string_view xml) {
  const XmlElement root = parse_xml(xml);
  const XmlElement* rule = root.find("Rule");
  const XmlElement* by_default =
      rule == nullptr ? nullptr : rule->find("ApplyServerSideEncryptionByDefault");
  if (by_default == nullptr) return {};
  const std::string key = text_of(*by_default, "KMSMasterKeyID");
  return printable(by_default->require("SSEAlgorithm")) + (key.empty() ? "" : " " + key);
}

bool parse_public_block(std::string_view xml) {
  const XmlElement root = parse_xml(xml);
  return std::ranges::all_of(
      std::initializer_list<std::string_view>{"BlockPublicAcls", "IgnorePublicAcls",
                                              "BlockPublicPolicy", "RestrictPublicBuckets"},
      [&](std::string_view name) { return root.value(name) == "true"; });
}

std::string parse_owner(std::string_view xml) {
  const XmlElement root = parse_xml(xml);
  const XmlElement* owner = root.find("Owner");
  return owner == nullptr ? "" : text_of(*owner, "ID");
}

Posture read_lifecycle(cloud::S3Store& store, const std::string& prefix, std::stop_token stop) {
  cloud::S3Client& client = store.client();
  Posture posture{.is_aws = client.is_aws()};
  posture.versioned = ask(client, "versioning", parse_versioning, stop);
  posture.lifecycle = ask(client, "lifecycle", parse_lifecycle, stop);
  posture.facts = facts_of(client, prefix, stop);
  return posture;
}

Posture read_posture(cloud::S3Store& store, const std::string& prefix, std::stop_token stop) {
  cloud::S3Client& client = store.client();
  Posture posture = read_lifecycle(store, prefix, stop);
  posture.region = ask(client, "location", parse_location, stop);
  // AWS's first region has no name there; the others' servers that name none have no regions.
  if (posture.is_aws && posture.region.value == "") posture.region.value = "us-east-1";
  posture.lock = ask(client, "object-lock", parse_bucket_lock, stop);
  posture.encryption = ask(client, "encryption", parse_encryption, stop);
  if (posture.is_aws)
    posture.public_blocked = ask(client, "publicAccessBlock", parse_public_block, stop);
  posture.replication = ask(client, "replication", parse_replication, stop);
  posture.owner = ask(client, "acl", parse_owner, stop);
  try {
    if (posture.versioned.value == true) posture.shadows = store.shadows(shadows_max, stop);
  } catch (const base::Error& failure) {
    if (failure.kind() != ErrorKind::denied) throw;
  }
  return posture;
}

}  // namespace app
