// Data keys in use, shared by the processes of one user on one host: `wal push` is one process for
// each segment, and must not cost a call to a key service each.
//
// What is kept: a data key in clear, its wrapped form, how many messages it was taken for. It lies
// in memory (tmpfs only, never on a disk), in a folder that only this user can enter, for as long
// as the key may be used (DataKeyCache::Limits), and is gone with a restart of the host. It exposes
// nothing that the host does not hold already: the key opens what this very user has sealed on this
// very host within the hour, and whoever can read this user's files can read the database, or the
// files, that were sealed. It opens nothing of other hosts, and nothing older.
// The exception is what DataKeyCache's `kept_opened` names: the repository's class `index`, which
// holds identities, roots and records, no data; keys of it that were opened within the hour.
//
// The file, big-endian; its name is the first 32 digits of the SHA-256 of recipients and context:
//
//   "SWDKEY", u16 1 | made i64, microseconds since 1970 | messages taken u64 | data key 32
//   u16 size, the recipients as KeyWrapper::describe() has them | u16 size, encryption context
//   u16 count, then each u16 size and provider, u16 size and info, u16 size and ciphertext
//   SHA-256 of all before, 64 hexadecimal digits: a key that is not its wrapped form loses backups
#pragma once

#include <optional>

#include "base/file.h"
#include "crypto/key_wrapper.h"

namespace crypto {

struct KeptDataKey {
  DataKey key;
  base::Instant made;
  uint64_t messages = 0;  // that it was taken for
  std::string recipients;
  base::Bytes context;  // serialised
};

// The file's bytes, and back. Throws corrupt.
base::Bytes serialise(const KeptDataKey& kept);
KeptDataKey parse_kept_data_key(base::ByteView bytes);

// Safe to share between threads and processes. It is an economy, so nothing here throws: whatever
// goes wrong, there is no kept key, and the key service is asked.
class DataKeyFile {
 public:
  // Where such files may be: the first of $XDG_RUNTIME_DIR/seawall-keys, /run/seawall/keys and
  // /dev/shm/seawall-keys-<uid> that is there or can be made, belongs to us alone, and is in
  // memory. Nothing when none is; then `why_not`, for a log.
  static std::optional<DataKeyFile> find(std::string& why_not);
  // The same in this folder, whose parent exists. For tests, and for `find`.
  static std::optional<DataKeyFile> in(const base::Path& folder, std::string& why_not);

  struct Terms {
    std::string recipients;
    base::Bytes context;  // serialised
    base::Instant now;
    base::Duration age_max;
    uint64_t messages_max = 0;
    uint64_t batch = 0;
  };
  // Takes the kept key for `batch` more messages, if there is one that is young enough and was not
  // taken for too many.
  std::optional<KeptDataKey> take(const Terms& terms) const;
  // Keeps a key for others, in place of what is there; and removes files that are out of date.
  void keep(const KeptDataKey& kept, const Terms& terms) const;

 private:
  explicit DataKeyFile(base::File folder) : folder_(std::move(folder)) {}
  base::File folder_;
};

}  // namespace crypto
