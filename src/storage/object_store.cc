#include "storage/object_store.h"

#include "base/error.h"

namespace storage {

using base::ErrorKind;

bool ObjectKey::allows(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '=' || c == '-';
}

ObjectKey::ObjectKey(std::string text) : text_(std::move(text)) {
  const auto fail = [&](const char* why) {
    throw base::error(ErrorKind::invalid, "object key '{}' {}", text_, why);
  };
  if (text_.empty() || text_.size() > 512) fail("is empty or longer than 512 bytes");
  bool starts_part = true;
  for (const char c : text_) {
    if (starts_part && (c == '.' || c == '/'))
      fail("has a part that is empty or starts with a dot");
    if (c != '/' && !allows(c)) fail("has a character that is not allowed");
    starts_part = c == '/';
  }
  if (starts_part) fail("ends with a slash");
}

base::Bytes read_all(ObjectStore& store, const ObjectKey& key, uint64_t bytes_max,
                     std::stop_token stop) {
  std::optional<base::Bytes> bytes = store.get(key, bytes_max, stop);
  if (!bytes) throw base::error(ErrorKind::absent, "{} has no object {}", store.url(), key.text());
  return std::move(*bytes);
}

std::optional<base::Bytes> ObjectStore::get(const ObjectKey& key, uint64_t bytes_max,
                                            std::stop_token stop) {
  const std::optional<ObjectInfo> info = stat(key, stop);
  if (!info) return std::nullopt;
  if (info->size > bytes_max) {
    throw base::error(ErrorKind::corrupt, "object {} has {} bytes, more than the {} it may",
                      key.text(), info->size, bytes_max);
  }
  base::Bytes bytes(info->size);
  read(key, 0, bytes, stop);
  return bytes;
}

std::vector<ObjectInfo> list_all(ObjectStore& store, const std::string& prefix,
                                 std::stop_token stop) {
  std::vector<ObjectInfo> all;
  store.list(
      prefix,
      [&](const ObjectInfo& info) {
        all.push_back(info);
        return true;
      },
      stop);
  return all;
}

}  // namespace storage
