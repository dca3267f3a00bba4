#include "cloud/kms_key_wrapper.h"

namespace cloud {

using base::ErrorKind;
using crypto::EncryptedDataKey;
using crypto::SecretKey;

namespace {
EncryptedDataKey entry_of(KmsWrapped wrapped) {
  return {.provider = std::string(kms_provider),
          .info = base::to_bytes(wrapped.key_arn),
          .ciphertext = std::move(wrapped.ciphertext)};
}
}  // namespace

KmsKeyWrapper::KmsKeyWrapper(std::string key, std::string region, KmsClient client)
    : key_(std::move(key)),
      region_(std::move(region)),
      client_(std::move(client)),
      own_(KmsArn::parse(key_)) {
  if (own_ && own_->region != region_) {
    throw base::error(ErrorKind::invalid, "key {} is not of region {}", key_, region_);
  }
}

void KmsKeyWrapper::learn(const std::string& arn) {
  const std::lock_guard lock(mutex_);
  own_ = KmsArn::parse(arn);
}

KmsArn KmsKeyWrapper::own_arn(std::stop_token stop) {
  {
    const std::lock_guard lock(mutex_);
    if (own_) return *own_;
  }
  const std::string arn = client_.describe(key_, stop).arn;
  const std::optional<KmsArn> parsed = KmsArn::parse(arn);
  if (!parsed) throw base::error(ErrorKind::corrupt, "KMS names key {} '{}'", key_, arn);
  learn(arn);
  return *parsed;
}

crypto::DataKey KmsKeyWrapper::generate(const crypto::EncryptionContext& context,
                                        std::stop_token stop) {
  KmsClient::Generated made = client_.generate_data_key(key_, context, stop);
  learn(made.wrapped.key_arn);
  crypto::DataKey key{.plain = std::move(made.plain), .wrapped = {}};
  key.wrapped.push_back(entry_of(std::move(made.wrapped)));
  return key;
}

void KmsKeyWrapper::add_wrapping(crypto::DataKey& key, const crypto::EncryptionContext& context,
                                 std::stop_token stop) {
  key.wrapped.push_back(entry_of(client_.encrypt(key_, key.plain, context, stop)));
}

// The ARN to open this entry with; nothing when it is not ours to open.
std::optional<std::string> KmsKeyWrapper::arn_to_ask(const EncryptedDataKey& entry,
                                                     const KmsArn& own) {
  std::optional<KmsArn> arn = KmsArn::parse(base::as_text(entry.info));
  if (!arn || !arn->resource.starts_with("key/") || arn->partition != own.partition ||
      arn->account != own.account) {
    return std::nullopt;
  }
  if (arn->multi_region()) arn->region = own.region;  // our replica of it
  if (arn->region != own.region) return std::nullopt;
  return arn->text();
}

std::optional<SecretKey> KmsKeyWrapper::unwrap(std::span<const EncryptedDataKey> wrapped,
                                               const crypto::EncryptionContext& context,
                                               std::stop_token stop) {
  std::optional<base::Error> first;
  for (const EncryptedDataKey& entry : wrapped) {
    if (entry.provider != kms_provider) continue;
    const std::optional<std::string> arn = arn_to_ask(entry, own_arn(stop));
    if (!arn) continue;
    try {
      return client_.decrypt(*arn, entry.ciphertext, context, stop);
    } catch (const base::Error& failure) {  // another entry may be one that we may open
      if (failure.kind() == ErrorKind::cancelled) throw;
      if (!first) first = failure;
    }
  }
  if (first) throw base::Error(*first);
  return std::nullopt;
}

bool KmsKeyWrapper::has_wrapped(const EncryptedDataKey& entry, std::stop_token stop) {
  if (entry.provider != kms_provider) return false;
  const KmsArn own = own_arn(std::move(stop));
  return arn_to_ask(entry, own) == own.text();
}

std::string KmsKeyWrapper::describe() const {
  return key_.starts_with("arn:") ? fmt::format("AWS KMS key {}", key_)
                                  : fmt::format("AWS KMS key {} in {}", key_, region_);
}

std::unique_ptr<KmsKeyWrapper> make_kms_key_wrapper(const std::string& key,
                                                    const Settings& settings,
                                                    std::shared_ptr<CredentialStore> credentials,
                                                    std::shared_ptr<net::HttpClient> http,
                                                    const net::RetryLimits& limits) {
  const std::optional<KmsArn> arn = KmsArn::parse(key);
  const std::optional<std::string> region = arn ? arn->region : settings.region();
  if (!region) {
    throw base::Error(ErrorKind::invalid,
                      fmt::format("nothing says in which region key {} is", key),
                      "write its ARN, or set AWS_REGION");
  }
  const net::Url endpoint = settings.endpoint("kms").value_or(aws_endpoint("kms", *region));
  KmsClient client(
      JsonClient(endpoint, "TrentService",
                 SignedClient({*region, "kms"}, std::move(credentials), std::move(http)), limits));
  return std::make_unique<KmsKeyWrapper>(key, *region, std::move(client));
}

}  // namespace cloud
