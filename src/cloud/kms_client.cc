#include "cloud/kms_client.h"

#include <algorithm>

#include "cloud/hashes.h"

namespace cloud {

using base::ErrorKind;
using base::Json;

namespace {

constexpr size_t ciphertext_bytes_max = 6144;  // KMS's own limit

Json json_of(const crypto::EncryptionContext& context) {
  Json json = Json::object();
  for (const auto& [name, value] : context) json[name] = value;
  return json;
}

// What each refusal means for whoever seals and opens. KMS's own sentence follows, which names keys
// and principals, and no secrets.
struct Meaning {
  std::string_view code;
  ErrorKind kind;
  std::string_view says;
  std::string_view hint;
};
constexpr Meaning meanings[] = {
    {"AccessDeniedException", ErrorKind::denied, "the credentials may not use this key for it",
     "allow it in the key's policy and the role's"},
    {"DisabledException", ErrorKind::denied, "the key is disabled",
     "enable it, or name another in the policy"},
    {"KMSInvalidStateException", ErrorKind::denied, "the key is in no state to be used",
     "cancel its deletion, or name another in the policy"},
    {"NotFoundException", ErrorKind::denied, "there is no such key in this region and account",
     "is the region right? an alias of another account needs its ARN"},
    {"InvalidCiphertextException", ErrorKind::corrupt,
     "the wrapped data key is damaged, or was wrapped for another context", ""},
    {"IncorrectKeyException", ErrorKind::corrupt, "the data key was wrapped by another key", ""},
    {"InvalidKeyUsageException", ErrorKind::invalid, "the key is not one to encrypt with",
     "name a symmetric key for ENCRYPT_DECRYPT"},
    {"LimitExceededException", ErrorKind::unavailable, "a limit of the account is reached", ""},
    {"UnrecognizedClientException", ErrorKind::denied, "the credentials are not accepted", ""},
    {"InvalidClientTokenId", ErrorKind::denied, "the credentials are not accepted", ""},
    {"InvalidSignatureException", ErrorKind::denied, "the credentials are not accepted",
     "is the secret key right, and this host's clock?"},
    {"SignatureDoesNotMatch", ErrorKind::denied, "the credentials are not accepted",
     "is the secret key right, and this host's clock?"},
    {"ExpiredTokenException", ErrorKind::denied, "the credentials have ended", ""},
    {"MissingAuthenticationTokenException", ErrorKind::denied, "the credentials are not accepted",
     ""},
};

[[noreturn]] void throw_kms(const std::string& operation, const std::string& key,
                            const Refusal& refusal) {
  const auto at = std::ranges::find(meanings, refusal.code, &Meaning::code);
  const std::string what = fmt::format("KMS {} with key {}", operation, key);
  if (at != std::end(meanings)) {
    throw base::Error(at->kind, fmt::format("{}: {} ({})", what, at->says, refusal.message),
                      std::string(at->hint));
  }
  // 403 without a code we know is a refusal still; the rest is a request that KMS does not take.
  const ErrorKind kind =
      refusal.status == 401 || refusal.status == 403 ? ErrorKind::denied : ErrorKind::invalid;
  throw base::Error(
      kind, fmt::format("{}: {} {}: {}", what, refusal.status, refusal.code, refusal.message));
}

KmsWrapped wrapped_in(const Json& reply) {
  KmsWrapped wrapped{base::member<std::string>(reply, "KeyId"),
                     from_base64(base::member<std::string>(reply, "CiphertextBlob"))};
  if (!KmsArn::parse(wrapped.key_arn) || wrapped.ciphertext.empty() ||
      wrapped.ciphertext.size() > ciphertext_bytes_max) {
    throw base::Error(ErrorKind::corrupt, "KMS answers with something else than a wrapped key");
  }
  return wrapped;
}

crypto::SecretKey plain_in(const Json& reply) {
  std::string text = base::member<std::string>(reply, "Plaintext");
  base::Bytes bytes = from_base64(text);
  crypto::SecretKey key = crypto::SecretKey::from(bytes);
  crypto::wipe(bytes);
  crypto::wipe({reinterpret_cast<std::byte*>(text.data()), text.size()});
  return key;
}

}  // namespace

std::optional<KmsArn> KmsArn::parse(std::string_view text) {
  std::array<std::string_view, 6> parts;
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    const size_t colon = text.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    parts[i] = text.substr(0, colon);
    text.remove_prefix(colon + 1);
  }
  parts[5] = text;
  if (parts[0] != "arn" || parts[2] != "kms" ||
      std::ranges::any_of(parts, [](std::string_view part) { return part.empty(); }) ||
      !(parts[5].starts_with("key/") || parts[5].starts_with("alias/"))) {
    return std::nullopt;
  }
  return KmsArn{std::string(parts[1]), std::string(parts[3]), std::string(parts[4]),
                std::string(parts[5])};
}

std::string KmsArn::text() const {
  return fmt::format("arn:{}:kms:{}:{}:{}", partition, region, account, resource);
}

Json KmsClient::call(const std::string& operation, const std::string& key, const Json& request,
                     std::stop_token stop) {
  JsonAnswer answer = json_.call(operation, request, stop);
  if (!answer.reply) throw_kms(operation, key, answer.refusal);
  return std::move(*answer.reply);
}

KmsClient::Generated KmsClient::generate_data_key(const std::string& key,
                                                  const crypto::EncryptionContext& context,
                                                  std::stop_token stop) {
  const Json reply = call("GenerateDataKey", key,
                          {{"KeyId", key},
                           {"NumberOfBytes", crypto::SecretKey::size},
                           {"EncryptionContext", json_of(context)}},
                          stop);
  return {plain_in(reply), wrapped_in(reply)};
}

KmsWrapped KmsClient::encrypt(const std::string& key, const crypto::SecretKey& plain,
                              const crypto::EncryptionContext& context, std::stop_token stop) {
  return wrapped_in(call("Encrypt", key,
                         {{"KeyId", key},
                          {"Plaintext", to_base64(plain.bytes())},
                          {"EncryptionContext", json_of(context)}},
                         stop));
}

crypto::SecretKey KmsClient::decrypt(const std::string& key_arn, base::ByteView ciphertext,
                                     const crypto::EncryptionContext& context,
                                     std::stop_token stop) {
  const Json reply = call("Decrypt", key_arn,
                          {{"KeyId", key_arn},
                           {"CiphertextBlob", to_base64(ciphertext)},
                           {"EncryptionContext", json_of(context)}},
                          stop);
  if (base::member<std::string>(reply, "KeyId") != key_arn) {
    throw base::error(ErrorKind::corrupt, "KMS opened the data key with another key than {}",
                      key_arn);
  }
  return plain_in(reply);
}

KmsClient::Key KmsClient::describe(const std::string& key, std::stop_token stop) {
  const Json reply = call("DescribeKey", key, {{"KeyId", key}}, stop);
  const auto facts = base::member<Json>(reply, "KeyMetadata");
  return {.arn = base::member<std::string>(facts, "Arn"),
          .state = base::member<std::string>(facts, "KeyState"),
          .customer_managed =
              base::member_if_there<std::string>(facts, "KeyManager").value_or("") == "CUSTOMER"};
}

}  // namespace cloud
