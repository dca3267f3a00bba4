#include "repository/index_cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"

namespace repository {

using base::Bytes;
using base::ByteView;
using storage::ObjectKey;

namespace {

constexpr size_t head_bytes = 16 + 16 + 16 + 8 + 32;  // label, SHA-256 of the body
constexpr uint64_t copy_bytes_max = 1 * base::GiB;

Bytes head_of(const crypto::Label& label, ByteView body) {
  Bytes head;
  base::append(head, ByteView(label.content.bytes));
  base::append(head, ByteView(label.name.bytes));
  base::append(head, ByteView(label.nonce));
  base::append<uint64_t>(head, label.plain_bytes);
  base::append(head, base::from_hex(crypto::sha256_hex(body)));
  CHECK(head.size() == head_bytes);
  return head;
}

}  // namespace

IndexCache::IndexCache(base::Path folder) : folder_(std::move(folder)) {
  if (!std::filesystem::exists(folder_)) {
    base::create_folders_durably(folder_);
    if (chmod(folder_.c_str(), 0700) != 0) base::throw_errno(folder_.string());
  }
  struct stat facts {};
  if (stat(folder_.c_str(), &facts) != 0) base::throw_errno(folder_.string());
  if ((facts.st_mode & 077) != 0 || facts.st_uid != geteuid()) {
    throw base::Error(
        base::ErrorKind::denied,
        fmt::format("others than its owner may enter {}", folder_.string()),
        fmt::format("it holds the repository's hash key: chmod 700 {}", folder_.string()));
  }
}

void IndexCache::keep(const ObjectKey& key, const crypto::Label& label, ByteView body) const {
  try {
    const base::Path path = path_of(key);
    std::filesystem::create_directories(path.parent_path());
    Bytes bytes = head_of(label, body);
    base::append(bytes, body);
    base::write_file_durably(path, bytes);
  } catch (const std::exception& failure) {
    base::warn("no copy of {} could be kept for the next snapshot: {}", key.text(), failure.what());
  }
}

std::optional<Bytes> IndexCache::find(const ObjectKey& key, const crypto::Label& label) const {
  try {
    const base::Path path = path_of(key);
    if (!std::filesystem::exists(path)) return std::nullopt;
    const Bytes bytes = base::to_bytes(base::read_text_file(path, copy_bytes_max));
    if (bytes.size() < head_bytes) return std::nullopt;
    const ByteView body = ByteView(bytes).subspan(head_bytes);
    if (!std::ranges::equal(ByteView(bytes).first(head_bytes), head_of(label, body)))
      return std::nullopt;
    return Bytes(body.begin(), body.end());
  } catch (const base::Error& failure) {
    base::warn("the copy of {} cannot be read: {}", key.text(), failure.message());
    return std::nullopt;
  }
}

void IndexCache::keep_only(const std::string& prefix, const std::set<std::string>& keys) const {
  std::error_code ignored;  // what cannot be removed takes up room, and nothing else
  const base::Path below = folder_ / prefix;
  if (!std::filesystem::exists(below, ignored)) return;
  std::vector<base::Path> going;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(below, ignored)) {
    if (!entry.is_regular_file(ignored)) continue;
    if (!keys.contains(entry.path().lexically_relative(folder_).string()))
      going.push_back(entry.path());
  }
  for (const base::Path& path : going) std::filesystem::remove(path, ignored);
}

}  // namespace repository
