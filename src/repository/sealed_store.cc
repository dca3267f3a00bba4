#include "repository/sealed_store.h"

#include <algorithm>

#include "base/error.h"
#include "crypto/seal.h"
#include "repository/layout.h"
#include "repository/rewrapping.h"

namespace repository {

using base::Bytes;
using base::ByteView;
using base::Error;
using base::ErrorKind;
using storage::ObjectInfo;
using storage::ObjectKey;
using storage::PutOutcome;

namespace {

constexpr size_t opened_max = 4096;      // objects whose keys are kept: some 4 MB
constexpr size_t replaced_max = 10'000;  // data keys

// The label of WAL and of a shard tells the digest that its own header holds, so that two of them
// are the same however they were compressed: docs/formats/repository.md, "Binary objects".
std::optional<crypto::Digest> content_in_header(ByteView start) {
  constexpr size_t kind_at = 16;
  constexpr size_t content_at = 48;
  if (start.size() < header_bytes || base::load<uint32_t>(start.data()) != header_frame_magic)
    return std::nullopt;
  const auto kind = static_cast<ObjectKind>(base::load<uint32_t>(start.data() + kind_at));
  if (kind != ObjectKind::wal && kind != ObjectKind::shard) return std::nullopt;
  crypto::Digest digest;
  std::copy_n(start.data() + content_at, digest.bytes.size(), digest.bytes.begin());
  return digest;
}

crypto::WriterNonce new_nonce() {
  crypto::WriterNonce nonce{};
  base::fill_random(nonce);
  return nonce;
}

// An object's name is no secret; in its label it keeps the object from being taken for another.
crypto::Digest name_digest(const ObjectKey& key) {
  const Bytes whole = base::from_hex(crypto::sha256_hex(base::as_bytes(key.text())));
  crypto::Digest digest;
  std::copy_n(whole.begin(), digest.bytes.size(), digest.bytes.begin());
  return digest;
}

// One object on its way: plaintext comes in, a message goes below. What may be replaced at the end
// is held back, as no frame is ever sealed twice.
class SealedWriter final : public storage::ObjectWriter {
 public:
  SealedWriter(std::unique_ptr<storage::ObjectWriter> below, const crypto::DataKey& key,
               const crypto::EncryptionContext& context,
               const std::optional<crypto::HashKey>& hash_key, crypto::Digest name,
               uint64_t head_bytes)
      : below_(std::move(below)),
        name_(name),
        head_bytes_(head_bytes),
        sealer_(
            key, context, [this](ByteView sealed) { below_->write(sealed); }, head_bytes) {
    if (hash_key) digest_.emplace(*hash_key);
  }

  void write(ByteView bytes) override {
    const uint64_t wanted = std::max<uint64_t>(header_bytes, head_bytes_) - start_.size();
    base::append(start_, bytes.first(std::min<uint64_t>(bytes.size(), wanted)));
    const uint64_t head_left = head_bytes_ - std::min(head_bytes_, sealer_.plain_bytes());
    if (digest_) digest_->update(bytes.subspan(std::min<uint64_t>(bytes.size(), head_left)));
    sealer_.write(bytes);
  }

  PutOutcome commit(ByteView head) override {
    CHECK(head.size() <= head_bytes_ && head.size() <= start_.size());
    std::ranges::copy(head, start_.begin());
    sealer_.replace_start(head);
    crypto::Digest content;
    if (digest_) {
      digest_->update(ByteView(start_).first(std::min<uint64_t>(start_.size(), head_bytes_)));
      content = content_in_header(start_).value_or(digest_->finish());
    }
    return below_->commit(sealer_.finish({content, name_, new_nonce()}));
  }

 private:
  std::unique_ptr<storage::ObjectWriter> below_;
  crypto::Digest name_;
  uint64_t head_bytes_;
  std::optional<crypto::KeyedDigest> digest_;
  Bytes start_;
  crypto::Sealer sealer_;
};

}  // namespace

std::string_view name(KeyClass key_class) {
  switch (key_class) {
    case KeyClass::clear:
      return "clear";
    case KeyClass::index:
      return "index";
    case KeyClass::meta:
      return "meta";
    case KeyClass::data:
      return "data";
  }
  CHECK(false);
  return {};
}

KeyClass class_of(const ObjectKey& key) {
  const std::string_view text = key.text();
  const auto below = [&](std::string_view folder) { return text.starts_with(folder); };
  if (text == repository_key().text() || below(rewrapped_prefix)) return KeyClass::clear;
  if (below("wal/") && text.find("/history/") != std::string_view::npos) return KeyClass::index;
  if (below("packs/") || below("wal/") || text.ends_with(".dump")) return KeyClass::data;
  if (text.ends_with(".dump.json")) return KeyClass::meta;
  return KeyClass::index;
}

std::string epoch_in(const ObjectKey& key) {
  const std::string_view text = key.text();
  for (const std::string_view folder : {"packs/", "wal/", "shards/", "snapshots/"}) {
    if (text.starts_with(folder)) return std::string(text.substr(folder.size(), 4));
  }
  return "-";
}

SealedStore::SealedStore(storage::ObjectStore& below, std::shared_ptr<crypto::KeyWrapper> keys,
                         std::string scope)
    : below_(below), keys_(std::move(keys)), scope_(std::move(scope)) {}

crypto::EncryptionContext SealedStore::context_of(const ObjectKey& key) const {
  return {{"repository", scope_},
          {"epoch", epoch_in(key)},
          {"class", std::string(name(class_of(key)))}};
}

// ---- writing

PutOutcome SealedStore::put_if_absent(const ObjectKey& key, ByteView body, std::stop_token stop) {
  if (class_of(key) == KeyClass::clear) return below_.put_if_absent(key, body, stop);
  const crypto::EncryptionContext context = context_of(key);
  crypto::Label label{.name = name_digest(key), .nonce = new_nonce()};
  if (hash_key_) label.content = content_in_header(body).value_or(hash_key_->digest(body));
  const Bytes sealed = crypto::seal(body, keys_->generate(context, stop), context, label);
  const PutOutcome outcome = below_.put_if_absent(key, sealed, stop);
  if (index_cache_ && outcome == PutOutcome::stored && class_of(key) == KeyClass::index) {
    label.plain_bytes = body.size();
    index_cache_->keep(key, label, body);
  }
  return outcome;
}

std::unique_ptr<storage::ObjectWriter> SealedStore::begin_write(
    const ObjectKey& key, const storage::WriteOptions& options, std::stop_token stop) {
  if (class_of(key) == KeyClass::clear) return below_.begin_write(key, options, stop);
  const crypto::EncryptionContext context = context_of(key);
  const crypto::DataKey data_key = keys_->generate(context, stop);
  storage::WriteOptions sealed{.head_bytes = crypto::Sealer::head_bytes_max(options.head_bytes)};
  if (options.expected_bytes != 0)
    sealed.expected_bytes = crypto::FrameLayout::of_plain(options.expected_bytes).stored_bytes();
  return std::make_unique<SealedWriter>(below_.begin_write(key, sealed, stop), data_key, context,
                                        hash_key_, name_digest(key), options.head_bytes);
}

// ---- reading

crypto::SecretKey SealedStore::data_key_of(const crypto::MessageHeader& header,
                                           std::stop_token stop) {
  const std::string name = data_key_name(header);
  std::vector<crypto::EncryptedDataKey> again;
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = replaced_.find(name); known != replaced_.end()) again = known->second;
  }
  std::optional<Error> refused;
  if (again.empty()) {
    try {
      if (std::optional<crypto::SecretKey> key = keys_->unwrap(header.keys, header.context, stop))
        return std::move(*key);
    } catch (const Error& failure) {
      // The key that was replaced may be disabled, or gone.
      if (failure.kind() == ErrorKind::cancelled) throw;
      refused = failure;
    }
    again = read_rewrapped(below_, header, stop);
  }
  if (!again.empty()) {
    if (std::optional<crypto::SecretKey> key = keys_->unwrap(again, header.context, stop)) {
      const std::lock_guard lock(mutex_);
      if (replaced_.size() >= replaced_max) replaced_.clear();
      replaced_[name] = std::move(again);
      return std::move(*key);
    }
  }
  if (refused) throw Error(*refused);
  throw Error(ErrorKind::denied,
              fmt::format("none of our keys opens it: it was sealed for {}",
                          crypto::describe_recipients(header.keys)),
              "name that key in the policy, under 'retired' if it is an old one");
}

SealedStore::OpenedPtr SealedStore::open(const ObjectKey& key, ByteView bytes,
                                         std::stop_token stop) {
  auto opened = std::make_shared<Opened>();
  std::optional<crypto::MessageHeader> header = crypto::parse_message_header(bytes);
  if (!header) throw Error(ErrorKind::corrupt, "the object ends within its header");
  opened->header = std::move(*header);
  const std::optional<crypto::Label> label = crypto::find_label(opened->header);
  if (!label) throw Error(ErrorKind::corrupt, "the object has no label: seawall did not seal it");
  crypto::require_context(opened->header, context_of(key));
  const crypto::SecretKey data_key = data_key_of(opened->header, stop);
  opened->key = crypto::open_header(opened->header, data_key);
  opened->label = *label;
  if (label->name != name_digest(key))
    throw Error(ErrorKind::corrupt, "the object is another's, stored under this name");
  remember(key, opened);
  return opened;
}

void SealedStore::remember(const ObjectKey& key, OpenedPtr opened) {
  const std::lock_guard lock(mutex_);
  if (cache_.contains(key.text())) return;
  recent_.push_front(key.text());
  cache_.emplace(key.text(), std::pair(std::move(opened), recent_.begin()));
  if (cache_.size() <= opened_max) return;
  cache_.erase(recent_.back());
  recent_.pop_back();
}

SealedStore::OpenedPtr SealedStore::opened(const ObjectKey& key, std::stop_token stop) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = cache_.find(key.text()); found != cache_.end()) {
      recent_.splice(recent_.begin(), recent_, found->second.second);
      return found->second.first;
    }
  }
  Bytes head(crypto::envelope_header_bytes);
  below_.read(key, 0, head, stop);
  return open(key, head, stop);
}

std::optional<crypto::Label> SealedStore::label(const ObjectKey& key, std::stop_token stop) {
  if (class_of(key) == KeyClass::clear) return std::nullopt;
  Bytes head(crypto::envelope_header_bytes);
  try {
    below_.read(key, 0, head, stop);
  } catch (const Error& failure) {
    if (failure.kind() == ErrorKind::absent) return std::nullopt;
    throw;
  }
  const std::optional<crypto::MessageHeader> header = crypto::parse_message_header(head);
  if (!header) throw base::error(ErrorKind::corrupt, "{} has a damaged header", key.text());
  return crypto::find_label(*header);
}

ObjectInfo SealedStore::plain_info(ObjectInfo info) const {
  if (class_of(info.key) == KeyClass::clear) return info;
  try {
    info.size = crypto::FrameLayout::of_stored(info.size).plain_bytes();
  } catch (const Error&) {
    // Damaged: no message has this size. Whoever reads it is told; a listing goes on.
  }
  return info;
}

std::optional<ObjectInfo> SealedStore::stat(const ObjectKey& key, std::stop_token stop) {
  std::optional<ObjectInfo> info = below_.stat(key, stop);
  if (!info) return std::nullopt;
  return plain_info(std::move(*info));
}

std::optional<Bytes> SealedStore::copy_of(const ObjectKey& key, std::stop_token stop) {
  if (!index_cache_ || class_of(key) != KeyClass::index) return std::nullopt;
  const std::optional<crypto::Label> stored = label(key, stop);
  return stored ? index_cache_->find(key, *stored) : std::nullopt;
}

void SealedStore::read(const ObjectKey& key, uint64_t offset, base::ByteSpan out,
                       std::stop_token stop) {
  if (class_of(key) == KeyClass::clear) return below_.read(key, offset, out, stop);
  if (const std::optional<Bytes> copy = copy_of(key, stop)) {
    if (offset > copy->size() || out.size() > copy->size() - offset) {
      throw base::error(ErrorKind::corrupt, "{} has {} bytes, not the {} that were to be read",
                        key.text(), copy->size(), offset + out.size());
    }
    std::ranges::copy(ByteView(*copy).subspan(offset, out.size()), out.begin());
    return;
  }
  const OpenedPtr opened = this->opened(key, stop);
  const crypto::FrameLayout layout = crypto::FrameLayout::of_plain(opened->label.plain_bytes);
  if (offset > layout.plain_bytes() || out.size() > layout.plain_bytes() - offset) {
    throw base::error(ErrorKind::corrupt, "{} has {} bytes, not the {} that were to be read",
                      key.text(), layout.plain_bytes(), offset + out.size());
  }
  if (out.empty()) return;
  const crypto::StoredRange range = layout.stored_range(offset, out.size());
  Bytes stored(range.bytes);
  below_.read(key, range.offset, stored, stop);
  crypto::FrameOpener(opened->key, opened->header, layout.stored_bytes()).open(stored, offset, out);
}

std::optional<Bytes> SealedStore::get(const ObjectKey& key, uint64_t bytes_max,
                                      std::stop_token stop) {
  if (class_of(key) == KeyClass::clear) return below_.get(key, bytes_max, stop);
  if (std::optional<Bytes> copy = copy_of(key, stop)) return copy;
  const std::optional<Bytes> stored =
      below_.get(key, crypto::FrameLayout::of_plain(bytes_max).stored_bytes(), stop);
  if (!stored) return std::nullopt;
  const OpenedPtr opened = open(key, *stored, stop);
  crypto::FrameOpener frames(opened->key, opened->header, stored->size());
  Bytes plain(frames.layout().plain_bytes());
  const crypto::StoredRange range = frames.layout().stored_range(0, plain.size());
  frames.open(ByteView(*stored).subspan(range.offset, range.bytes), 0, plain);
  return plain;
}

void SealedStore::list(const std::string& prefix,
                       const std::function<bool(const ObjectInfo&)>& visit, std::stop_token stop) {
  below_.list(
      prefix, [&](const ObjectInfo& info) { return visit(plain_info(info)); }, stop);
}

void SealedStore::remove(const ObjectKey& key, std::stop_token stop) {
  below_.remove(key, stop);
  const std::lock_guard lock(mutex_);
  const auto found = cache_.find(key.text());
  if (found == cache_.end()) return;
  recent_.erase(found->second.second);
  cache_.erase(found);
}

}  // namespace repository
