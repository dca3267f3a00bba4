#include "app/keys.h"

#include <cstdlib>

#include "app/buckets.h"
#include "base/error.h"
#include "base/log.h"
#include "crypto/data_key_cache.h"
#include "crypto/local_key_file.h"
#include "repository/sealed_store.h"

namespace app {

using base::Error;
using base::ErrorKind;
using policy::KeySource;

namespace {

// What `wal push`, a process for each segment, reads before it stores anything is of this class,
// which a writer may read anyway; neither data nor the records of dumps are.
bool is_index(const crypto::EncryptionContext& context) {
  const auto at = context.find("class");
  return at != context.end() && at->second == repository::name(repository::KeyClass::index);
}

}  // namespace

KeySource resolved(const KeySource& source) {
  if (source.kind != KeySource::Kind::environment) return source;
  const char* value = std::getenv(source.value.c_str());
  if (value == nullptr || *value == '\0') {
    throw Error(
        ErrorKind::absent,
        fmt::format("the policy's key is in the variable {}, which is not set", source.value),
        "set it to an AWS KMS key id, ARN or alias, to file:/path, or to vault:MOUNT/KEY");
  }
  return base::while_doing(fmt::format("reading the variable {}", source.value), [&] {
    KeySource key = policy::parse_key(value);
    if (key.kind == KeySource::Kind::environment)
      throw Error(ErrorKind::invalid, "it names another variable", "let it hold the key's name");
    return key;
  });
}

std::unique_ptr<crypto::KeyWrapper> open_key(const KeySource& source) {
  const KeySource key = resolved(source);
  switch (key.kind) {
    case KeySource::Kind::file:
      return std::make_unique<crypto::LocalKeyFile>(crypto::LocalKeyFile::load(key.value));
    case KeySource::Kind::aws_kms:
      return open_kms_key(key.value);
    case KeySource::Kind::transit:
      return open_transit_key(key.value);
    case KeySource::Kind::environment:
      break;
  }
  CHECK(false);
  return nullptr;
}

repository::Keys open_keys(const policy::Encryption& encryption,
                           const std::optional<KeySource>& more) {
  std::vector<std::unique_ptr<crypto::KeyWrapper>> sealing;
  sealing.push_back(open_key(encryption.key));
  for (const KeySource& also : encryption.also) sealing.push_back(open_key(also));
  if (more) sealing.push_back(open_key(*more));
  std::vector<std::unique_ptr<crypto::KeyWrapper>> retired;
  for (const KeySource& old : encryption.retired) retired.push_back(open_key(old));
  std::string why_not;
  std::optional<crypto::DataKeyFile> file = crypto::DataKeyFile::find(why_not);
  if (!file) base::debug("each process asks for its own data key: {}", why_not);
  return std::make_shared<crypto::DataKeyCache>(
      std::make_unique<crypto::AnyOf>(std::move(sealing), std::move(retired)), base::system_clock(),
      crypto::DataKeyCache::Limits{}, std::move(file), is_index);
}

}  // namespace app
