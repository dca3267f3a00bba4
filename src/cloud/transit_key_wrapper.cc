#include "cloud/transit_key_wrapper.h"

#include <fcntl.h>

#include <algorithm>

#include "base/file.h"
#include "base/json.h"
#include "cloud/hashes.h"

namespace cloud {

using base::ErrorKind;
using base::Json;
using crypto::EncryptedDataKey;
using crypto::SecretKey;

namespace {

constexpr uint64_t reply_bytes_max = 1 * base::MiB;
constexpr uint64_t token_bytes_max = 64 * base::KiB;

void wipe_text(std::string& text) {
  crypto::wipe({reinterpret_cast<std::byte*>(text.data()), text.size()});
}

std::string info_of(const TransitOptions& options) { return options.mount + "/" + options.key; }

// Vault's own sentences: they name paths and reasons, and no secrets.
std::string sentences_of(const net::Response& answer) {
  const Json json = Json::parse(answer.text(), nullptr, /*allow_exceptions=*/false);
  std::string text;
  if (json.is_object() && json.contains("errors") && json["errors"].is_array()) {
    for (const Json& sentence : json["errors"]) {
      if (sentence.is_string()) text += (text.empty() ? "" : "; ") + sentence.get<std::string>();
    }
  }
  std::ranges::replace_if(
      text, [](char c) { return c < ' ' || c > '~'; }, ' ');
  return text.empty() ? "no more is said" : text.substr(0, 300);
}

bool says(std::string_view text, std::initializer_list<std::string_view> parts) {
  return std::ranges::any_of(
      parts, [&](std::string_view part) { return text.find(part) != std::string_view::npos; });
}

[[noreturn]] void throw_vault(const std::string& what, const net::Response& answer) {
  const std::string sentences = sentences_of(answer);
  const auto fail = [&](ErrorKind kind, std::string_view why, std::string_view hint = {}) {
    return base::Error(kind, fmt::format("{}: {} ({})", what, why, sentences), std::string(hint));
  };
  const int status = answer.status;
  if (status == 503 && says(sentences, {"sealed"})) {
    throw fail(ErrorKind::unavailable, "Vault is sealed", "unseal it");
  }
  if (status == 429 || status == 412 || status == 408 || status >= 500) {
    throw fail(ErrorKind::unavailable, fmt::format("Vault answers {}", status));
  }
  if (status == 403 || status == 401) {
    throw fail(ErrorKind::denied, "the token may not do this, or has ended",
               "update on this path, in the token's policy; is the agent alive that renews it?");
  }
  if (status == 404) {
    throw fail(ErrorKind::denied, "there is nothing at this path",
               "are address, namespace, mount and key right?");
  }
  if (says(sentences, {"not found"})) {
    throw fail(ErrorKind::denied, "there is no such key", "is its name right?");
  }
  if (says(sentences, {"too old", "disallowed by policy", "version is too new"})) {
    throw fail(ErrorKind::denied, "the key's version that wrapped this may not be used any more",
               "lower its min_decryption_version");
  }
  if (says(sentences, {"authentication failed", "invalid ciphertext", "decode ciphertext"})) {
    throw fail(ErrorKind::corrupt,
               "the wrapped data key is damaged, or was wrapped for another context");
  }
  throw fail(ErrorKind::invalid, fmt::format("Vault answers {}", status));
}

Json bound_to(const crypto::EncryptionContext& context) {
  Json body = Json::object();
  const base::Bytes bound = crypto::serialise(context);
  if (bound.empty()) return body;
  body["associated_data"] = to_base64(bound);
  body["context"] = body["associated_data"];
  return body;
}

}  // namespace

std::string vault_token(const std::optional<std::string>& variable, const std::string& path) {
  std::string text;
  if (variable) {
    text = *variable;
  } else {
    // Not `absent`, which a caller could take for an object that is not there.
    const std::optional<base::File> file = base::File::open_if_there(path, O_RDONLY);
    if (!file) {
      throw base::error(ErrorKind::denied,
                        "there is no token for Vault: no VAULT_TOKEN, no file {}", path);
    }
    if ((file->status().st_mode & 077) != 0) {
      throw base::Error(ErrorKind::denied,
                        fmt::format("others than its owner may read the token file {}", path),
                        "chmod 600 it");
    }
    text = base::read_text_file(path, token_bytes_max);
  }
  text = text.substr(0, text.find_first_of(" \t\r\n"));
  if (text.empty()) throw base::Error(ErrorKind::denied, "there is no token for Vault");
  return text;
}

TransitKeyWrapper::TransitKeyWrapper(TransitOptions options, std::shared_ptr<net::HttpClient> http,
                                     net::RetryLimits limits)
    : options_(std::move(options)), http_(std::move(http)), limits_(limits) {
  if (options_.key.empty() || options_.mount.empty() || info_of(options_).size() > 512) {
    throw base::Error(ErrorKind::invalid, "Vault Transit needs a mount and the name of a key");
  }
}

// One member of the answer's data, as text.
std::string TransitKeyWrapper::ask(const char* operation, const char* member, std::string body,
                                   std::stop_token stop) {
  const std::string what = fmt::format("Vault {} with key {}", operation, info_of(options_));
  net::Request request;
  request.method = "POST";
  request.url = options_.address;
  request.url.path = fmt::format("/v1/{}/{}/{}", net::percent_encode(options_.mount, true),
                                 operation, net::percent_encode(options_.key));
  request.body = base::as_bytes(body);
  request.body_bytes_max = reply_bytes_max;
  const auto ask_once = [&](unsigned) {
    request.headers = {{"Content-Type", "application/json"},
                       {"X-Vault-Request", "true"},
                       {"X-Vault-Token", options_.token()}};
    if (!options_.vault_namespace.empty())
      request.headers.add("X-Vault-Namespace", options_.vault_namespace);
    net::Response answer = http_->send(request, stop);
    if (!answer.ok()) throw_vault(what, answer);
    const Json json = Json::parse(answer.text(), nullptr, /*allow_exceptions=*/false);
    crypto::wipe(answer.body);
    if (!json.is_object())
      throw base::error(ErrorKind::corrupt, "{}: the answer is not JSON", what);
    return base::member<std::string>(base::member<Json>(json, "data"), member);
  };
  return net::retrying(limits_, stop, ask_once);
}

crypto::DataKey TransitKeyWrapper::generate(const crypto::EncryptionContext& context,
                                            std::stop_token stop) {
  crypto::DataKey key{.plain = SecretKey::random(), .wrapped = {}};
  add_wrapping(key, context, stop);
  return key;
}

void TransitKeyWrapper::add_wrapping(crypto::DataKey& key, const crypto::EncryptionContext& context,
                                     std::stop_token stop) {
  Json body = bound_to(context);
  body["plaintext"] = to_base64(key.plain.bytes());
  const std::string ciphertext = ask("encrypt", "ciphertext", body.dump(), stop);
  if (!ciphertext.starts_with("vault:v") || ciphertext.size() > 4096) {
    throw base::Error(ErrorKind::corrupt, "Vault answers with something else than a ciphertext");
  }
  key.wrapped.push_back({.provider = std::string(transit_provider),
                         .info = base::to_bytes(info_of(options_)),
                         .ciphertext = base::to_bytes(ciphertext)});
}

std::optional<SecretKey> TransitKeyWrapper::unwrap(std::span<const EncryptedDataKey> wrapped,
                                                   const crypto::EncryptionContext& context,
                                                   std::stop_token stop) {
  for (const EncryptedDataKey& entry : wrapped) {
    if (entry.provider != transit_provider || base::as_text(entry.info) != info_of(options_))
      continue;
    Json body = bound_to(context);
    // What others wrote goes into JSON: only what Vault itself writes.
    const std::string_view text = base::as_text(entry.ciphertext);
    if (!std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; })) {
      throw base::Error(ErrorKind::corrupt, "the data key wrapped by Vault is damaged");
    }
    body["ciphertext"] = text;
    std::string plain = ask("decrypt", "plaintext", body.dump(), stop);
    base::Bytes bytes = from_base64(plain);
    wipe_text(plain);
    SecretKey key = SecretKey::from(bytes);
    crypto::wipe(bytes);
    return key;
  }
  return std::nullopt;
}

std::string TransitKeyWrapper::describe() const {
  return fmt::format("Vault Transit key {} at {}", info_of(options_), options_.address.shown());
}

}  // namespace cloud
