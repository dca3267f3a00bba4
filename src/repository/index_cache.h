// What a host that may seal and not open must know again: its own copies, in clear, of the index
// objects that it stored. docs/formats/envelope.md, "Hosts that seal only".
//
// A copy counts only if the bucket's own object says, in its label, that it is the same. Losing the
// folder loses nothing but the comparison: the next snapshot is a whole one.
#pragma once

#include <set>

#include "base/file.h"
#include "crypto/message_header.h"
#include "storage/object_store.h"

namespace repository {

class IndexCache {
 public:
  // Makes the folder, for its owner alone, if it is not there. Throws denied where others may enter
  // it.
  explicit IndexCache(base::Path folder);

  // Keeps a copy; a failure to do so is told by the log alone.
  void keep(const storage::ObjectKey& key, const crypto::Label& label, base::ByteView body) const;
  // The copy of the object that has this label.
  std::optional<base::Bytes> find(const storage::ObjectKey& key, const crypto::Label& label) const;
  // Lets go of the copies below `prefix` that are not among `keys`.
  void keep_only(const std::string& prefix, const std::set<std::string>& keys) const;

 private:
  base::Path path_of(const storage::ObjectKey& key) const { return folder_ / key.text(); }
  base::Path folder_;
};

}  // namespace repository
