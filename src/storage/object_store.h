// The seam between seawall and wherever its bytes are kept.
//
// An object appears whole or not at all, is durable when put returns, and never changes afterwards.
// Keys are relative to the store's own place (a folder, a bucket and prefix). Stores are safe to
// share between threads. Calls end soon after `stop`, as Error(cancelled). Every store passes
// testing/object_store_contract.h.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/bytes.h"
#include "base/file.h"

namespace storage {

// The name of an object: parts of [A-Za-z0-9._=-], not "." or "..", not starting with '.', joined
// by '/'. At most 512 bytes.
class ObjectKey {
 public:
  // Throws invalid.
  explicit ObjectKey(std::string text);
  const std::string& text() const { return text_; }
  static bool allows(char c);  // in a part
  auto operator<=>(const ObjectKey&) const = default;

 private:
  std::string text_;
};

struct ObjectInfo {
  ObjectKey key;
  uint64_t size = 0;
  base::Instant modified;  // the store's own date
};

enum class PutOutcome { stored, already_there };

// An object that is being written. Dropped without commit(), it leaves nothing that looks like an
// object.
struct ObjectWriter {
  virtual ~ObjectWriter() = default;
  // Throws unavailable, denied, full.
  virtual void write(base::ByteView bytes) = 0;
  // Makes the object durable and visible, unless the key is taken: then this body is dropped.
  // `head`, if not empty, replaces the first head.size() bytes written; at most
  // WriteOptions::head_bytes.
  virtual PutOutcome commit(base::ByteView head = {}) = 0;
};

struct WriteOptions {
  uint64_t expected_bytes = 0;  // a guess, so that a store can choose its part size; 0: unknown
  uint64_t head_bytes = 0;      // so much of the start can still be replaced at commit
};

struct ObjectStore {
  virtual ~ObjectStore() = default;

  // Where this is, without secrets: "file:///backup/x".
  virtual std::string url() const = 0;

  // Stores all of `body` under `key`; durable on return. An object already there is left alone.
  // Throws unavailable (worth a retry), denied, full.
  virtual PutOutcome put_if_absent(const ObjectKey& key, base::ByteView body,
                                   std::stop_token stop) = 0;

  // The same for a body that comes piece by piece. The writer belongs to one thread.
  virtual std::unique_ptr<ObjectWriter> begin_write(const ObjectKey& key,
                                                    const WriteOptions& options,
                                                    std::stop_token stop) = 0;

  // Facts about one object, or nothing when it is absent. Throws unavailable, denied.
  virtual std::optional<ObjectInfo> stat(const ObjectKey& key, std::stop_token stop) = 0;

  // Fills `out` from byte `offset` of the object. Throws absent; corrupt when the object ends
  // before.
  virtual void read(const ObjectKey& key, uint64_t offset, base::ByteSpan out,
                    std::stop_token stop) = 0;

  // The whole object, or nothing when it is absent. Throws corrupt when it is longer than
  // `bytes_max`. A store that can do it in one request does.
  virtual std::optional<base::Bytes> get(const ObjectKey& key, uint64_t bytes_max,
                                         std::stop_token stop);

  // How many bytes of an object one read() had better ask for where they are wanted next; 0 where
  // asking costs nothing.
  virtual uint64_t worth_asking_for() const { return 2 * base::MiB; }

  // Every object whose key starts with `prefix`, in order of keys (bytewise). `visit` returns false
  // to end early.
  virtual void list(const std::string& prefix, const std::function<bool(const ObjectInfo&)>& visit,
                    std::stop_token stop) = 0;

  // The object as a file of this host, for programs of others that want one, where it is one; the
  // file must not be changed. Nothing where it is not, or is absent.
  virtual std::optional<base::Path> local_path(const ObjectKey& key, std::stop_token stop) {
    static_cast<void>(key);
    static_cast<void>(stop);
    return std::nullopt;
  }

  // Deletes one object; one that is absent is success. Only `prune` calls this, with its own
  // credential.
  virtual void remove(const ObjectKey& key, std::stop_token stop) = 0;

  // The store's own clock, which may not be ours.
  virtual base::Instant now(std::stop_token stop) = 0;
};

// The whole object. Throws absent; corrupt when it is longer than `bytes_max`.
base::Bytes read_all(ObjectStore& store, const ObjectKey& key, uint64_t bytes_max,
                     std::stop_token stop);

std::vector<ObjectInfo> list_all(ObjectStore& store, const std::string& prefix,
                                 std::stop_token stop);

}  // namespace storage
