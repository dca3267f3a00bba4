#include "policy/preset_parts.h"

#include <fmt/ranges.h>

#include "base/error.h"

namespace policy {

namespace {

constexpr std::string_view s3_scheme = "s3://";
constexpr std::string_view file_scheme = "file://";

base::Error contradiction(std::string_view what, std::string_view hint) {
  return {base::ErrorKind::invalid, std::string(what), std::string(hint)};
}

// What a bucket may be called, out of what a database is: "My_Shop" gives "my-shop".
std::string bucket_word(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    if (fits) {
      out += c;
    } else if (c >= 'A' && c <= 'Z') {
      out += static_cast<char>(c - 'A' + 'a');
    } else if (!out.empty() && out.back() != '-') {
      out += '-';
    }
  }
  while (out.ends_with('-')) out.pop_back();
  while (out.starts_with('-')) out.erase(0, 1);
  return out.substr(0, 30);
}

// "s3://acme/pg" and "repository-eu-west-2" give "s3://acme-repository-eu-west-2/pg".
std::string bucket(std::string_view words, std::string_view purpose, std::string_view region) {
  const size_t slash = words.find('/');
  const std::string_view first = words.substr(0, slash);
  const std::string_view rest = slash == std::string_view::npos ? "" : words.substr(slash);
  return fmt::format("{}{}-{}{}{}{}", s3_scheme, first, purpose, region.empty() ? "" : "-", region,
                     rest);
}

}  // namespace

bool PresetStores::in_buckets() const { return dumps.starts_with(s3_scheme); }

PresetStores choose_stores(const StoreWishes& wishes) {
  const bool is_s3 = wishes.below.starts_with(s3_scheme);
  const bool by_region = wishes.below.empty() && !wishes.region.empty();
  if (!is_s3 && !by_region) {
    if (!wishes.region.empty() || !wishes.replica_region.empty() || !wishes.endpoint.empty() ||
        !wishes.replica_endpoint.empty()) {
      throw contradiction(
          "regions and endpoints are of buckets, and these stores are folders",
          "give --region, and for other names than the database's --store s3://NAME");
    }
    std::string_view folder =
        wishes.below.empty() ? "/var/backups" : std::string_view(wishes.below);
    if (folder.starts_with(file_scheme)) folder.remove_prefix(file_scheme.size());
    while (folder.size() > 1 && folder.ends_with('/')) folder.remove_suffix(1);
    return {.repository = fmt::format("{}{}/{}/repository", file_scheme, folder, wishes.name),
            .dumps = fmt::format("{}{}/{}/dumps", file_scheme, folder, wishes.name)};
  }
  if (wishes.replica_region.empty() && !wishes.replica_endpoint.empty()) {
    throw contradiction("a replica's endpoint is given, and no replica",
                        "name its region with --replica-region");
  }
  if (!wishes.replica_region.empty() && wishes.replica_region == wishes.region) {
    throw contradiction(
        fmt::format("the replica is in the region of its source, {}", wishes.region),
        "a replica must survive the loss of a region: name another one");
  }
  std::string words = is_s3 ? wishes.below.substr(s3_scheme.size()) : bucket_word(wishes.name);
  while (words.ends_with('/')) words.pop_back();
  PresetStores stores{.repository = bucket(words, "repository", wishes.region),
                      .dumps = bucket(words, "backups", wishes.region)};
  if (!wishes.endpoint.empty()) stores.endpoint = wishes.endpoint;
  if (!wishes.replica_region.empty()) {
    stores.replica = PresetReplica{.store = bucket(words, "backups", wishes.replica_region)};
    if (!wishes.replica_endpoint.empty()) stores.replica->endpoint = wishes.replica_endpoint;
  }
  return stores;
}

namespace parts {

const char* const jobs_why =
    "pg-boss jobs: idempotent, and retried from the domain state. Restored mid-flight they would "
    "run twice. Its version, queue and schedule tables keep their rows.";

Draft note(std::string_view what, std::string_view why) {
  return {.key = "-",
          .children = {{.key = "what", .value = yaml_text(what)},
                       {.key = "why", .value = yaml_text(why)}}};
}

std::string yaml_list(const std::vector<std::string>& texts) {
  std::vector<std::string> quoted;
  for (const std::string& text : texts) quoted.push_back(yaml_text(text));
  return fmt::format("[{}]", fmt::join(quoted, ", "));
}

Draft tier(std::string name, std::vector<std::string> why, std::string at, std::string retain) {
  return {.key = std::move(name),
          .why = std::move(why),
          .children = {{.key = "at", .value = fmt::format("\"{}\"", at)},
                       {.key = "retain", .value = std::move(retain)}}};
}

Draft database(std::string url, std::vector<std::string> why,
               const std::optional<std::string>& folder) {
  Draft draft{.key = "database",
              .children = {{.key = "provider", .value = "native"},
                           {.key = "url", .value = yaml_text(url), .why = std::move(why)}}};
  if (folder) draft.children.push_back({.key = "data_directory", .value = yaml_text(*folder)});
  return draft;
}

std::vector<Draft> s3_service(const PresetStores& stores) {
  if (!stores.in_buckets() || !stores.endpoint) return {};
  return {{.key = "s3", .children = {{.key = "endpoint", .value = yaml_text(*stores.endpoint)}}}};
}

namespace {

Draft encryption(std::vector<Draft> children) {
  children.push_back({.key = "key", .value = "env:BACKUP_KMS_KEY_ID"});
  return {.key = "encryption", .children = std::move(children)};
}

Draft proposed_key_file(const std::string& key_file) {
  return {.key = "encryption",
          .value = fmt::format("{{ key: {} }}", yaml_text("file:" + key_file)),
          .why = {fmt::format("Without a key whoever has the folder reads it all. A key file: "
                              "`seawall key create {}`, then the line below, before `seawall "
                              "apply`.",
                              key_file)},
          .proposed = true};
}

}  // namespace

Draft repository(const PresetStores& stores, const std::string& key_file) {
  Draft draft{.key = "repository",
              .children = {{.key = "store", .value = yaml_text(stores.repository)},
                           {.key = "compress_level", .value = "2"}}};
  draft.children.push_back(stores.in_buckets() ? encryption({}) : proposed_key_file(key_file));
  return draft;
}

std::vector<Draft> dumps_places(const PresetStores& stores, const std::string& key_file) {
  std::vector<Draft> drafts = {{.key = "store", .value = yaml_text(stores.dumps)}};
  if (!stores.in_buckets()) {
    drafts.push_back({.key = "encryption",
                      .value = fmt::format("{{ key: {} }}", yaml_text("file:" + key_file)),
                      .proposed = true});
    return drafts;
  }
  const bool aws = !stores.endpoint;
  drafts.push_back(encryption({{.key = "mode", .value = aws ? "sse-kms" : "client"}}));
  drafts.push_back(
      {.key = "lock",
       .children = {{.key = "mode", .value = "governance"}, {.key = "for", .value = "30d"}}});
  if (!stores.replica) return drafts;
  Draft replica{.key = "replica",
                .children = {{.key = "store", .value = yaml_text(stores.replica->store)},
                             {.key = "key", .value = "env:BACKUP_KMS_REPLICA_KEY_ID"},
                             {.key = "by", .value = aws ? "store" : "seawall"}}};
  if (stores.replica->endpoint)
    replica.children.push_back({.key = "endpoint", .value = yaml_text(*stores.replica->endpoint)});
  drafts.push_back(std::move(replica));
  return drafts;
}

}  // namespace parts

}  // namespace policy
