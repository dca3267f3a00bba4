#include "repository/rewrapping.h"

#include <set>

#include "base/error.h"
#include "base/json.h"
#include "repository/json_object.h"

namespace repository {

using base::ErrorKind;
using base::Json;
using base::member;
using crypto::EncryptedDataKey;
using crypto::MessageHeader;
using storage::ObjectKey;

namespace {

constexpr uint64_t sidecar_bytes_max = 256 * base::KiB;

std::string folder_of(const std::string& data_key) {
  return fmt::format("{}{}/", rewrapped_prefix, data_key);
}

std::vector<EncryptedDataKey> keys_of(const Json& body) {
  std::vector<EncryptedDataKey> keys;
  base::corrupt_if_invalid([&] {
    for (const Json& key : member<Json>(body, "keys")) {
      keys.push_back({.provider = member<std::string>(key, "provider"),
                      .info = base::from_hex(member<std::string>(key, "info")),
                      .ciphertext = base::from_hex(member<std::string>(key, "ciphertext"))});
    }
  });
  return keys;
}

void put_sidecar(storage::ObjectStore& store, const std::string& data_key,
                 const MessageHeader& header, const std::vector<EncryptedDataKey>& keys,
                 base::Instant now, std::stop_token stop) {
  Json list = Json::array();
  for (const EncryptedDataKey& key : keys) {
    list.push_back({{"provider", key.provider},
                    {"info", base::to_hex(key.info)},
                    {"ciphertext", base::to_hex(key.ciphertext)}});
  }
  const Json body = {
      {"at", base::to_rfc3339(now)}, {"context", header.context}, {"keys", std::move(list)}};
  const ObjectKey key(fmt::format("{}{}.json", folder_of(data_key), base::to_compact(now)));
  store.put_if_absent(key, wrap_json("rewrapped", body), stop);
}

std::vector<EncryptedDataKey> read_sidecars(storage::ObjectStore& store,
                                            const std::string& data_key, std::stop_token stop) {
  std::vector<EncryptedDataKey> all;
  for (const storage::ObjectInfo& info : storage::list_all(store, folder_of(data_key), stop)) {
    const base::Bytes object = storage::read_all(store, info.key, sidecar_bytes_max, stop);
    base::while_doing(info.key.text(), [&] {
      for (EncryptedDataKey& key : keys_of(unwrap_json("rewrapped", object)))
        all.push_back(std::move(key));
    });
  }
  return all;
}

}  // namespace

std::string data_key_name(const MessageHeader& header) {
  base::Bytes text;
  const auto add = [&](base::ByteView field) {
    base::append<uint32_t>(text, static_cast<uint32_t>(field.size()));
    base::append(text, field);
  };
  for (const EncryptedDataKey& key : header.keys) {
    if (key.provider == crypto::label_provider) continue;
    add(base::as_bytes(key.provider));
    add(key.info);
    add(key.ciphertext);
  }
  return crypto::sha256_hex(text).substr(0, 32);
}

std::vector<EncryptedDataKey> read_rewrapped(storage::ObjectStore& store,
                                             const MessageHeader& header, std::stop_token stop) {
  return read_sidecars(store, data_key_name(header), stop);
}

RewrapReport rewrap(storage::ObjectStore& store, crypto::KeyWrapper& keys, crypto::KeyWrapper& to,
                    base::Instant now, std::stop_token stop) {
  RewrapReport report;
  std::set<std::string> seen;
  for (const storage::ObjectInfo& info : storage::list_all(store, "", stop)) {
    if (info.key.text().starts_with(rewrapped_prefix)) continue;
    base::while_doing(info.key.text(), [&] {
      base::Bytes head(std::min<uint64_t>(info.size, crypto::envelope_header_bytes));
      store.read(info.key, 0, head, stop);
      if (head.empty() || head[0] != std::byte{2}) {
        ++report.not_sealed;
        return;
      }
      const std::optional<MessageHeader> header = crypto::parse_message_header(head);
      if (!header) throw base::error(ErrorKind::corrupt, "it ends within its header");
      ++report.objects;
      const std::string name = data_key_name(*header);
      if (!seen.insert(name).second) return;
      std::vector<EncryptedDataKey> wrapped = header->keys;
      for (EncryptedDataKey& more : read_sidecars(store, name, stop))
        wrapped.push_back(std::move(more));
      if (to.unwrap(wrapped, header->context, stop)) return;
      std::optional<crypto::SecretKey> plain = keys.unwrap(wrapped, header->context, stop);
      if (!plain) {
        throw base::error(ErrorKind::denied, "none of our keys opens it: it was sealed for {}",
                          crypto::describe_recipients(header->keys));
      }
      crypto::DataKey key{std::move(*plain), {}};
      to.add_wrapping(key, header->context, stop);
      put_sidecar(store, name, *header, key.wrapped, now, stop);
      ++report.rewrapped;
    });
  }
  report.data_keys = seen.size();
  return report;
}

}  // namespace repository
