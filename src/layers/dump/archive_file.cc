#include "layers/dump/archive_file.h"

#include <fcntl.h>

#include <algorithm>

#include "base/error.h"
#include "repository/dump_check.h"

namespace layers {

using repository::DumpRecord;

using base::Error;
using base::ErrorKind;

constexpr size_t read_bytes = 4 * base::MiB;

ArchiveFile::ArchiveFile(storage::ObjectStore& store, const DumpRecord& record,
                         const std::optional<base::Path>& spool,
                         const std::function<void(uint64_t)>& progress,
                         const std::stop_token& stop) {
  const storage::ObjectKey key = record.name.archive_key();
  const std::optional<storage::ObjectInfo> info = store.stat(key, stop);
  if (!info) throw base::error(ErrorKind::absent, "{} is gone from {}", key.text(), store.url());
  base::File copy;
  if (const std::optional<base::Path> there = store.local_path(key, stop)) {
    path_ = *there;
  } else {
    if (!spool) folder_.emplace();
    const base::Path& folder = folder_ ? folder_->path() : *spool;
    const uint64_t room = base::free_bytes(folder);
    if (room < record.size) {
      throw Error(ErrorKind::full,
                  fmt::format("{} needs {} in {}, which has {} free", key.text(),
                              base::human_bytes(record.size), folder.parent_path().string(),
                              base::human_bytes(room)),
                  spool ? "free space there" : "name a roomier folder with TMPDIR");
    }
    path_ = folder / key.text();
    copy = base::File::open(path_, O_CREAT | O_EXCL | O_WRONLY);
  }
  repository::DumpCheck check(record);
  base::Bytes buffer(read_bytes);
  for (uint64_t at = 0; at < info->size;) {
    const base::ByteSpan piece(buffer.data(), std::min<uint64_t>(buffer.size(), info->size - at));
    base::while_doing("reading " + key.text(), [&] { store.read(key, at, piece, stop); });
    check.update(piece);
    if (copy) copy.write_all(piece);
    at += piece.size();
    progress(at);
  }
  try {
    check.finish();
  } catch (const Error& failure) {
    throw Error(failure.kind(), fmt::format("{} is damaged: {}", key.text(), failure.message()),
                "restore another day's dump, or a snapshot");
  }
}

}  // namespace layers
