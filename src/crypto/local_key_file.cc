#include "crypto/local_key_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/json.h"
#include "crypto/aes_gcm.h"
#include "crypto/big_endian.h"

namespace crypto {

using base::ByteView;
using base::ErrorKind;

namespace {
constexpr uint64_t key_file_bytes_max = 4096;
constexpr size_t id_bytes_max = 64;
constexpr size_t info_tail = 4 + 4 + 12;  // bits of the tag, bytes of the IV, the IV

bool is_id(std::string_view id) {
  return !id.empty() && id.size() <= id_bytes_max && std::ranges::all_of(id, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

void wipe_text(std::string& text) {
  wipe({reinterpret_cast<std::byte*>(text.data()), text.size()});
}

// A text that is a secret; wiped in the end.
struct SecretText {
  std::string text;
  explicit SecretText(std::string secret) : text(std::move(secret)) {}
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;
  ~SecretText() { wipe_text(text); }
};

std::string check_of(const std::string& id, const SecretKey& key) {
  const SecretText text("seawall key " + id + " " + base::to_hex(key.bytes()));
  return sha256_hex(base::as_bytes(text.text)).substr(0, 8);
}

base::Bytes info_of(const std::string& id, const GcmIv& iv) {
  base::Bytes info = base::to_bytes(id);
  append_big(info, uint32_t{128});
  append_big(info, uint32_t{12});
  base::append(info, ByteView(iv));
  return info;
}
}  // namespace

LocalKeyFile::LocalKeyFile(std::string id, SecretKey key)
    : id_(std::move(id)), check_(check_of(id_, key)), key_(std::move(key)) {}

LocalKeyFile LocalKeyFile::create(const base::Path& path, base::Instant now) {
  std::array<std::byte, 4> random{};
  base::fill_random(random);
  LocalKeyFile key(base::to_compact(now) + "-" + base::to_hex(random), SecretKey::random());
  const SecretText text(key.text());
  base::File file = base::File::open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  try {
    file.write_all(base::as_bytes(text.text));
    file.sync();
    base::sync_folder(path.has_parent_path() ? path.parent_path() : base::Path("."));
  } catch (const base::Error&) {
    unlink(path.c_str());  // half a key would be in the way of the next attempt
    throw;
  }
  return key;
}

LocalKeyFile LocalKeyFile::load(const base::Path& path) {
  return base::while_doing(fmt::format("reading key file {}", path.string()), [&] {
    // Not `absent`, which a caller could take for an object that is not there.
    const std::optional<base::File> found = base::File::open_if_there(path, O_RDONLY);
    if (!found) {
      throw base::Error(ErrorKind::invalid, "there is no such file",
                        "put your copy of the key there; without it nothing can be opened");
    }
    const base::File& file = *found;
    const struct stat status = file.status();
    if (!S_ISREG(status.st_mode)) throw base::Error(ErrorKind::corrupt, "not an ordinary file");
    if ((status.st_mode & 077) != 0) {
      throw base::Error(ErrorKind::denied, "others than its owner may read or change it",
                        fmt::format("chmod 600 {}; if others could read it, make a new key and "
                                    "rotate to it",
                                    path.string()));
    }
    if (status.st_uid != geteuid() && status.st_uid != 0) {
      throw base::Error(ErrorKind::denied, "it belongs to another user than the one who asks");
    }
    if (file.size() > key_file_bytes_max) {
      throw base::error(ErrorKind::corrupt, "it has {} bytes; no key file has", file.size());
    }
    SecretText text(std::string(file.size(), '\0'));
    file.read_exactly_at(0, {reinterpret_cast<std::byte*>(text.text.data()), text.text.size()});
    return parse(text.text);
  });
}

LocalKeyFile LocalKeyFile::parse(std::string_view text) {
  // Without exceptions: nlohmann's sentences repeat what they could not read, which may be the key.
  const base::Json json = base::Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || base::member<std::string>(json, "seawall") != "key") {
    throw base::error(ErrorKind::corrupt, "it is not a key file of seawall");
  }
  if (base::member<uint32_t>(json, "version") != 1) {
    throw base::error(ErrorKind::invalid, "it was written by a newer seawall");
  }
  const auto id = base::member<std::string>(json, "id");
  if (!is_id(id)) throw base::error(ErrorKind::corrupt, "the key's id is not one");
  const SecretText digits(base::member<std::string>(json, "key"));
  base::Bytes bytes;
  try {
    bytes = base::from_hex(digits.text);
  } catch (const base::Error&) {  // whose message would show digits of the key
    throw base::error(ErrorKind::corrupt, "the key is not hexadecimal");
  }
  LocalKeyFile key(id, SecretKey::from(bytes));
  wipe(bytes);
  if (key.check() != base::member<std::string>(json, "check")) {
    throw base::Error(ErrorKind::corrupt, "the key does not fit its check: a digit is wrong",
                      "compare it with your copy of the key, digit by digit");
  }
  return key;
}

std::string LocalKeyFile::text() const {
  return fmt::format(
      "{{\"seawall\":\"key\",\"version\":1,\n \"id\":\"{}\",\n \"key\":\"{}\",\n "
      "\"check\":\"{}\"}}\n",
      id_, base::to_hex(key_.bytes()), check_);
}

DataKey LocalKeyFile::generate(const EncryptionContext& context, std::stop_token stop) {
  DataKey key{.plain = SecretKey::random(), .wrapped = {}};
  add_wrapping(key, context, stop);
  return key;
}

void LocalKeyFile::add_wrapping(DataKey& key, const EncryptionContext& context, std::stop_token) {
  GcmIv iv{};
  base::fill_random(iv);
  EncryptedDataKey entry{.provider = std::string(key_file_provider),
                         .info = info_of(id_, iv),
                         .ciphertext = base::Bytes(SecretKey::size + 16)};
  const base::ByteSpan out(entry.ciphertext);
  AesGcm(AesGcm::Direction::seal, key_.bytes())
      .seal(iv, serialise(context), key.plain.bytes(), out.first(SecretKey::size), out.last<16>());
  key.wrapped.push_back(std::move(entry));
}

std::optional<SecretKey> LocalKeyFile::unwrap(std::span<const EncryptedDataKey> wrapped,
                                              const EncryptionContext& context, std::stop_token) {
  bool ours = false;
  for (const EncryptedDataKey& entry : wrapped) {
    if (entry.provider != key_file_provider || entry.info.size() != id_.size() + info_tail)
      continue;
    GcmIv iv{};
    std::copy_n(entry.info.end() - 12, 12, iv.begin());
    if (entry.info != info_of(id_, iv)) continue;  // of another key file
    ours = true;
    if (entry.ciphertext.size() != SecretKey::size + 16) continue;
    Wiped<SecretKey::size> plain;
    const ByteView sealed(entry.ciphertext);
    if (AesGcm(AesGcm::Direction::open, key_.bytes())
            .open(iv, serialise(context), sealed.first(SecretKey::size), sealed.last(16),
                  plain.bytes)) {
      return SecretKey::from(plain.bytes);
    }
  }
  if (!ours) return std::nullopt;
  throw base::error(ErrorKind::corrupt,
                    "the data key wrapped by {} does not open: the message is damaged, or it was "
                    "sealed for another context",
                    describe());
}

std::string LocalKeyFile::describe() const { return "key file " + id_; }

}  // namespace crypto
