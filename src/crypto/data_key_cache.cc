#include "crypto/data_key_cache.h"

#include <algorithm>

#include "base/error.h"
#include "crypto/big_endian.h"

namespace crypto {

namespace {
// A name for wrapped keys and their context. The label, which differs with each message, is no key.
std::string name_of(std::span<const EncryptedDataKey> wrapped, base::ByteView context) {
  Sha256 hash;
  const auto add = [&](base::ByteView field) {
    base::Bytes size;
    append_big(size, static_cast<uint32_t>(field.size()));
    hash.update(size);
    hash.update(field);
  };
  add(context);
  for (const EncryptedDataKey& entry : wrapped) {
    if (entry.provider == label_provider) continue;
    add(base::as_bytes(entry.provider));
    add(entry.info);
    add(entry.ciphertext);
  }
  return hash.finish_hex();
}
}  // namespace

// One thread asks for a name at a time; the others wait, and then find what it got.
class DataKeyCache::Turn {
 public:
  Turn(DataKeyCache& cache, std::unique_lock<std::mutex>& lock, std::string name,
       std::stop_token stop)
      : cache_(cache), name_(std::move(name)) {
    if (!cache_.changed_.wait(lock, stop, [&] { return !cache_.asking_.contains(name_); }))
      throw base::Error(base::ErrorKind::cancelled, "stopped");
    cache_.asking_.insert(name_);
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  // Ends with the lock held, as it began.
  ~Turn() {
    cache_.asking_.erase(name_);
    cache_.changed_.notify_all();
  }

 private:
  DataKeyCache& cache_;
  std::string name_;
};

namespace {
// Lets go of a lock for a call that takes long, and has it again at the end, however that comes.
class Unlocked {
 public:
  explicit Unlocked(std::unique_lock<std::mutex>& lock) : lock_(lock) { lock_.unlock(); }
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;
  ~Unlocked() { lock_.lock(); }

 private:
  std::unique_lock<std::mutex>& lock_;
};
}  // namespace

DataKeyCache::DataKeyCache(std::unique_ptr<KeyWrapper> inner, const base::Clock& clock,
                           Limits limits, std::optional<DataKeyFile> file, Contexts kept_opened)
    : inner_(std::move(inner)),
      clock_(clock),
      limits_(limits),
      file_(std::move(file)),
      kept_opened_(std::move(kept_opened)) {
  CHECK(inner_ != nullptr && limits_.messages >= batch && limits_.contexts > 0 &&
        limits_.opened > 0);
}

// A clock that was set back says nothing of a key's age.
bool DataKeyCache::young(base::Instant since) const {
  const base::Instant now = clock_.now();
  return since <= now && now - since < limits_.age;
}

DataKey DataKeyCache::generate(const EncryptionContext& context, std::stop_token stop) {
  const base::Bytes serialised = serialise(context);
  const std::string name(base::as_text(serialised));
  std::unique_lock lock(mutex_);
  const Turn turn(*this, lock, "seal " + name, stop);
  auto at = sealing_.find(name);
  if (at == sealing_.end() || at->second.left == 0 || !young(at->second.made)) {
    if (at != sealing_.end()) sealing_.erase(at);
    std::optional<Sealing> obtained;
    {
      const Unlocked unlocked(lock);
      obtained = obtain(context, serialised, stop);
    }
    if (sealing_.size() >= limits_.contexts) {
      sealing_.erase(std::ranges::min_element(sealing_, {},
                                              [](const auto& entry) { return entry.second.made; }));
    }
    remember_opened(name_of(obtained->key.wrapped, serialised), obtained->key.plain,
                    obtained->made);
    at = sealing_.emplace(name, std::move(*obtained)).first;
  }
  --at->second.left;
  return at->second.key.clone();
}

DataKeyCache::Sealing DataKeyCache::obtain(const EncryptionContext& context,
                                           const base::Bytes& serialised, std::stop_token stop) {
  DataKeyFile::Terms terms{.recipients = inner_->describe(),
                           .context = serialised,
                           .now = clock_.now(),
                           .age_max = limits_.age,
                           .messages_max = limits_.messages,
                           .batch = batch};
  if (file_) {
    if (std::optional<KeptDataKey> kept = file_->take(terms))
      return {.key = std::move(kept->key), .made = kept->made, .left = batch};
  }
  // Its age counts from before it was asked for.
  Sealing fresh{
      .key = inner_->generate(context, stop), .made = terms.now, .left = limits_.messages};
  if (file_) {
    fresh.left = batch;
    file_->keep({.key = fresh.key.clone(),
                 .made = fresh.made,
                 .messages = batch,
                 .recipients = terms.recipients,
                 .context = serialised},
                terms);
  }
  return fresh;
}

void DataKeyCache::add_wrapping(DataKey& key, const EncryptionContext& context,
                                std::stop_token stop) {
  inner_->add_wrapping(key, context, stop);
}

std::optional<SecretKey> DataKeyCache::unwrap(std::span<const EncryptedDataKey> wrapped,
                                              const EncryptionContext& context,
                                              std::stop_token stop) {
  const std::string name = name_of(wrapped, serialise(context));
  std::unique_lock lock(mutex_);
  const Turn turn(*this, lock, "open " + name, stop);
  const auto at = opened_.find(name);
  if (at != opened_.end() && young(at->second.since)) return at->second.key.clone();
  std::optional<Opened> opened;
  {
    const Unlocked unlocked(lock);
    opened = open(wrapped, context, name, stop);
  }
  if (!opened) return std::nullopt;
  remember_opened(name, opened->key, opened->since);
  return std::move(opened->key);
}

std::optional<DataKeyCache::Opened> DataKeyCache::open(std::span<const EncryptedDataKey> wrapped,
                                                       const EncryptionContext& context,
                                                       const std::string& name,
                                                       std::stop_token stop) {
  const base::Instant since = clock_.now();
  const bool is_kept = file_ && kept_opened_ && kept_opened_(context);
  // Not what a context's data key for sealing is kept as: it is of these wrapped forms alone. It
  // serves no message, so none is counted.
  const DataKeyFile::Terms terms{.recipients = inner_->describe(),
                                 .context = base::to_bytes("opened " + name),
                                 .now = since,
                                 .age_max = limits_.age};
  if (is_kept) {
    if (std::optional<KeptDataKey> kept = file_->take(terms))
      return Opened{std::move(kept->key.plain), kept->made};
  }
  std::optional<SecretKey> key = inner_->unwrap(wrapped, context, std::move(stop));
  if (!key) return std::nullopt;
  if (is_kept) {
    file_->keep({.key = {key->clone(), {wrapped.begin(), wrapped.end()}},
                 .made = since,
                 .recipients = terms.recipients,
                 .context = terms.context},
                terms);
  }
  return Opened{std::move(*key), since};
}

void DataKeyCache::remember_opened(const std::string& name, const SecretKey& key,
                                   base::Instant since) {
  if (opened_.erase(name) > 0) std::erase(opened_order_, name);
  if (opened_.size() >= limits_.opened) {
    opened_.erase(opened_order_.front());
    opened_order_.pop_front();
  }
  opened_.emplace(name, Opened{key.clone(), since});
  opened_order_.push_back(name);
}

std::string DataKeyCache::describe() const { return inner_->describe(); }

}  // namespace crypto
