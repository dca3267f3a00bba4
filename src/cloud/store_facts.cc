#include "cloud/store_facts.h"

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "cloud/s3_error.h"

namespace cloud {

using base::ErrorKind;

namespace {

constexpr const char* format_name = "seawall-store";
constexpr int probe_attempts_max = 5;

const std::string& probe_body() {
  static const std::string body = "seawall asks here whether a put can replace an object\n";
  return body;
}

// Whether completing an upload onto the probe, which is there, is refused.
bool is_complete_conditional(S3Client& client, const std::string& key, const S3PutOptions& options,
                             const std::stop_token& stop) {
  for (int attempt = 0; attempt < probe_attempts_max; ++attempt) {
    const std::string upload = client.begin_upload(key, options, stop);
    const S3Part part = client.put_part(key, upload, 1, base::as_bytes(probe_body()), stop);
    const S3PutAnswer answer = client.complete_upload(key, upload, {part}, true, stop);
    if (!answer.is_taken) return false;
    client.abort_upload(key, upload, stop);
    // In doubt, it may have been done and its reply lost: what is kept for ever is not concluded
    // from that.
    if (!answer.in_doubt) return true;
  }
  throw base::error(ErrorKind::unavailable, "{}: {} replies in a row were lost",
                    client.doing("POST", key), probe_attempts_max);
}

}  // namespace

std::string print_facts(const StoreFacts& facts) {
  base::Json json;
  json["format"] = format_name;
  json["version"] = 1;
  json["conditional_put"] = facts.conditional_put;
  json["conditional_complete"] = facts.conditional_complete;
  json["versioned"] = facts.versioned;
  return json.dump() + "\n";
}

StoreFacts parse_facts(std::string_view text) {
  const base::Json json = base::parse_json(text, "store.json");
  if (!json.is_object() || base::member<std::string>(json, "format") != format_name)
    throw base::Error(ErrorKind::corrupt, "store.json is not a store's");
  if (base::member<int>(json, "version") != 1)
    throw base::Error(ErrorKind::corrupt, "store.json is of a newer seawall");
  return {base::member<bool>(json, "conditional_put"),
          base::member<bool>(json, "conditional_complete"), base::member<bool>(json, "versioned")};
}

KeyVersions versions_of(S3Client& client, const std::string& key, std::stop_token stop) {
  KeyVersions versions;
  client.list_versions(
      key,
      [&](const S3Entry& entry) {
        if (entry.key != key) return false;
        if (!entry.is_delete_marker) {
          versions.first = entry;  // the newest comes first
          ++versions.count;
        }
        return true;
      },
      stop);
  return versions;
}

std::optional<StoreFacts> read_facts(S3Client& client, const std::string& prefix,
                                     std::stop_token stop) {
  const std::string key = prefix + std::string(facts_name);
  const auto get = [&](const std::string& version) {
    std::vector<std::pair<std::string, std::string>> query;
    if (!version.empty()) query.emplace_back("versionId", version);
    return client.request("GET", key, query, {}, {}, stop);
  };
  net::Response answer = get("");
  // Whoever put another one on top, or a delete marker, may want us to believe in it.
  const std::string version_id = answer.headers.find("x-amz-version-id").value_or("");
  if (is_version(version_id) || answer.status == 404) {
    const KeyVersions versions = versions_of(client, key, stop);
    if (versions.first && versions.first->version_id != version_id)
      answer = get(versions.first->version_id);
  }
  if (answer.status == 404 && read_s3_failure(answer).code != "NoSuchBucket") return std::nullopt;
  if (!answer.ok()) throw_s3(read_s3_failure(answer), client.doing("GET", key));
  return base::while_doing(client.doing("GET", key), [&] { return parse_facts(answer.text()); });
}

StoreFacts probe_facts(S3Client& client, const std::string& prefix, const S3PutOptions& options,
                       std::stop_token stop) {
  const std::string key = prefix + std::string(probe_name);
  S3PutOptions conditional = options;
  conditional.only_if_absent = true;
  StoreFacts facts;
  const base::ByteView body = base::as_bytes(probe_body());
  const S3PutAnswer first = client.put(key, body, conditional, stop);
  const S3PutAnswer second = first.is_taken ? first : client.put(key, body, conditional, stop);
  facts.conditional_put = second.is_taken;
  // A refusal names no version: then the listing tells.
  const KeyVersions versions = versions_of(client, key, stop);
  facts.versioned = versions.first && is_version(versions.first->version_id);
  facts.conditional_complete = is_complete_conditional(client, key, conditional, stop);
  // Ceph 20 refuses the second of two puts into a bucket with versions, and takes all of eight that
  // come at once. Of a race no probe can prove that there is none.
  if (facts.versioned && !client.is_aws())
    facts.conditional_put = facts.conditional_complete = false;
  const std::string text = print_facts(facts);
  client.put(prefix + std::string(facts_name), base::as_bytes(text), conditional, stop);
  base::debug("{}: conditional put {}, conditional complete {}, versioned {}",
              client.doing("probed", prefix), facts.conditional_put, facts.conditional_complete,
              facts.versioned);
  return facts;
}

}  // namespace cloud
