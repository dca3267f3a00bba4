#include "app/key_care.h"

#include <algorithm>
#include <functional>

#include "app/keys.h"
#include "base/error.h"
#include "crypto/seal.h"
#include "repository/index_cache.h"
#include "repository/snapshot_root.h"

namespace app {

using base::Error;
using base::ErrorKind;
using policy::KeySource;
using repository::ObjectKey;

namespace {

ObjectKey confirmation_key(const std::string& id) {
  return ObjectKey(fmt::format("key-confirmations/{}.json", id));
}

// The policy's keys that seal, each once.
std::vector<KeySource> sealing_keys(const policy::Policy& policy) {
  std::vector<KeySource> keys;
  const auto add = [&](const policy::Encryption& encryption) {
    std::vector<KeySource> all = encryption.also;
    all.push_back(encryption.key);
    for (const KeySource& key : all) {
      if (std::ranges::find(keys, key) == keys.end()) keys.push_back(key);
    }
  };
  if (policy.repository.encryption) add(*policy.repository.encryption);
  for (const policy::DumpTier& dump : policy.layers.dumps) {
    if (dump.encryption && dump.encryption->mode == policy::DumpEncryptionMode::client)
      add(*dump.encryption);
  }
  return keys;
}

// One place of a policy that names keys; null where this policy has none.
using KeysOf = std::function<const policy::Encryption*(const policy::Policy&)>;

// Whether `text` is a policy that names these keys there.
bool says(const std::string& text, const std::string& file_name, const KeysOf& keys_of,
          const KeySource& key, const std::vector<KeySource>& retired) {
  try {
    const policy::Policy policy = policy::parse(text, file_name);
    const policy::Encryption* encryption = keys_of(policy);
    return encryption != nullptr && encryption->key == key && encryption->retired == retired;
  } catch (const Error&) {
    return false;
  }
}

// Where a key may stand in the text: each place where its spelling stands is tried until the policy
// reads as it should.
std::vector<size_t> places_of(const std::string& text, const std::string& spelling) {
  std::vector<size_t> places;
  for (size_t at = text.find(spelling); at != std::string::npos; at = text.find(spelling, at + 1))
    places.push_back(at);
  return places;
}

std::string indentation_at(const std::string& text, size_t at) {
  const size_t line = text.rfind('\n', at);
  const size_t begin = line == std::string::npos ? 0 : line + 1;
  const size_t word = text.find_first_not_of(' ', begin);
  return std::string(word - begin, ' ');
}

// The text with `to` as the key at that place, and the one of before among the retired.
std::string with_key_at(const std::string& text, const std::string& file_name,
                        const std::string& path, const KeySource& to, const KeysOf& keys_of) {
  const policy::Policy before = policy::parse(text, file_name);
  const policy::Encryption& old = *keys_of(before);
  std::vector<KeySource> retired = {old.key};
  for (const KeySource& key : old.retired) {
    if (key != to) retired.push_back(key);
  }
  std::vector<std::string> words;
  for (const KeySource& key : retired) words.push_back(policy::print_key(key));
  const std::string list = fmt::format("retired: [{}]", fmt::join(words, ", "));

  std::vector<std::string> spellings = {policy::print_key(old.key)};
  if (old.key.kind == KeySource::Kind::aws_kms) spellings.push_back(old.key.value);
  for (const std::string& spelling : spellings) {
    for (const size_t at : places_of(text, spelling)) {
      std::string changed = text;
      changed.replace(at, spelling.size(), policy::print_key(to));
      // The list of retired keys that is there goes, if it is on one line.
      for (const size_t begin : places_of(changed, "retired:")) {
        const size_t end = changed.find(']', begin);
        if (end == std::string::npos) continue;
        std::string replaced = changed;
        replaced.replace(begin, end + 1 - begin, list);
        if (says(replaced, file_name, keys_of, to, retired)) return replaced;
      }
      const size_t behind = at + policy::print_key(to).size();
      for (const std::string& added : {", " + list, "\n" + indentation_at(changed, at) + list}) {
        for (const size_t where : {behind, behind + 1}) {  // behind a quote
          if (where > changed.size()) continue;
          std::string candidate = changed;
          candidate.insert(where, added);
          if (says(candidate, file_name, keys_of, to, retired)) return candidate;
        }
      }
    }
  }
  throw Error(
      ErrorKind::invalid,
      fmt::format("{} is written in a way that is not changed by a program", file_name),
      fmt::format("write by hand, in {}: key: {}, and {}", path, policy::print_key(to), list));
}

}  // namespace

void confirm_key(const repository::Repository& repository, const crypto::LocalKeyFile& key,
                 base::Instant now, std::stop_token stop) {
  repository.put_json(confirmation_key(key.id()), "key-confirmation",
                      {{"key", key.id()}, {"check", key.check()}, {"at", base::to_rfc3339(now)}},
                      stop);
}

std::vector<std::string> unconfirmed_keys(const policy::Policy& policy,
                                          const repository::Repository& repository,
                                          std::stop_token stop) {
  std::vector<std::string> unconfirmed;
  for (const KeySource& source : sealing_keys(policy)) {
    try {
      const KeySource key = resolved(source);
      if (key.kind != KeySource::Kind::file) continue;
      const crypto::LocalKeyFile file = crypto::LocalKeyFile::load(key.value);
      if (!repository.store().stat(confirmation_key(file.id()), stop))
        unconfirmed.push_back(key.value);
    } catch (const Error& failure) {
      if (failure.kind() != ErrorKind::absent && failure.kind() != ErrorKind::denied) throw;
    }
  }
  return unconfirmed;
}

void prove_key(const KeySource& source, std::stop_token stop) {
  const std::unique_ptr<crypto::KeyWrapper> key = open_key(source);
  base::while_doing(key->describe(), [&] {
    const crypto::EncryptionContext context = {
        {"repository", "-"}, {"epoch", "-"}, {"class", "index"}};
    const crypto::DataKey made = key->generate(context, stop);
    const std::optional<crypto::SecretKey> opened = key->unwrap(made.wrapped, context, stop);
    if (!opened || !crypto::same_secret(opened->bytes(), made.plain.bytes()))
      throw Error(ErrorKind::corrupt, "it does not open what it sealed");
  });
}

std::string with_new_key(const std::string& text, const std::string& file_name,
                         const KeySource& to) {
  const policy::Policy before = policy::parse(text, file_name);
  if (!before.repository.encryption) {
    throw Error(ErrorKind::invalid, "the policy's repository is not encrypted",
                "encryption is decided when a repository is made: begin a new one");
  }
  const KeySource old = before.repository.encryption->key;
  if (old == to)
    throw Error(ErrorKind::invalid, fmt::format("{} is the policy's key", policy::print_key(to)));
  std::string changed =
      with_key_at(text, file_name, "repository.encryption", to,
                  [](const policy::Policy& policy) -> const policy::Encryption* {
                    return policy.repository.encryption ? &*policy.repository.encryption : nullptr;
                  });
  // Dumps that were sealed by the same key go along.
  for (size_t i = 0; i < before.layers.dumps.size(); ++i) {
    const policy::DumpTier& tier = before.layers.dumps[i];
    if (!tier.encryption || tier.encryption->key != old) continue;
    changed =
        with_key_at(changed, file_name, fmt::format("layers.dumps.{}.encryption", tier.tier.name),
                    to, [i](const policy::Policy& policy) -> const policy::Encryption* {
                      const auto& encryption = policy.layers.dumps.at(i).encryption;
                      return encryption ? &*encryption : nullptr;
                    });
  }
  return changed;
}

uint64_t hand_over(const repository::Repository& repository, const base::Path& folder,
                   std::stop_token stop) {
  if (!repository.sealed()) {
    throw Error(ErrorKind::invalid, "the repository is not encrypted: every host may read it");
  }
  std::vector<ObjectKey> keys = {repository::hash_key_key()};
  for (const storage::ObjectInfo& info :
       storage::list_all(repository.store(), repository::epoch_prefix(), stop)) {
    keys.push_back(info.key);
  }
  if (const std::optional<repository::Epoch> epoch = repository.current_epoch(stop)) {
    const std::vector<std::string> ids = repository::snapshot_ids(repository, epoch->number, stop);
    if (!ids.empty()) {
      keys.push_back(repository::snapshot_key(epoch->number, ids.back()));
      for (const repository::ShardRef& shard :
           repository::read_snapshot(repository, epoch->number, ids.back(), stop).shards) {
        keys.emplace_back(shard.key);
        if (!shard.prefix.empty()) keys.emplace_back(shard.prefix);
      }
    }
  }
  const repository::IndexCache cache(folder);
  for (const ObjectKey& key : keys) {
    const std::optional<crypto::Label> label = repository.label(key, stop);
    if (!label) throw base::error(ErrorKind::absent, "{} is not there any more", key.text());
    cache.keep(key, *label, storage::read_all(repository.store(), key, base::GiB, stop));
  }
  return keys.size();
}

std::vector<Rewrapped> rewrap_all(Context& context, const KeySource& to, std::stop_token stop) {
  const std::unique_ptr<crypto::KeyWrapper> new_key = open_key(to);
  const base::Instant now = base::system_clock().now();
  std::vector<Rewrapped> all;
  if (const repository::Keys& keys = context.keys()) {
    all.push_back(
        {context.store().url(), repository::rewrap(context.store(), *keys, *new_key, now, stop)});
  }
  for (const policy::DumpTier& tier : context.policy().layers.dumps) {
    if (!tier.encryption || tier.encryption->mode != policy::DumpEncryptionMode::client) continue;
    storage::ObjectStore& store = context.stored_dumps(tier.tier.name);
    all.push_back({store.url(),
                   repository::rewrap(store, *open_keys(*tier.encryption), *new_key, now, stop)});
  }
  return all;
}

}  // namespace app
