// One data key for many messages, so that a WAL segment does not cost a call to a key service.
//
// A KeyWrapper that keeps what another one made and opened. A data key is reused for one and the
// same context within the limits below; each message still has a key of its own, derived with its
// random id. What the cache gave out for sealing it also opens, without asking: a host that may
// only generate can read back what it has just written, for as long as the key is kept and no
// longer. Nothing may be built on that but checks that are glad to be able to.
//
// Contexts that `kept_opened` names are of objects that every process reads before it does anything
// (which cluster, which epoch): what it opened of those one process leaves to the next in the file,
// too, for as long.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>

#include "base/time.h"
#include "crypto/data_key_file.h"
#include "crypto/key_wrapper.h"

namespace crypto {

class DataKeyCache : public KeyWrapper {
 public:
  struct Limits {
    // Of one data key; docs/formats/envelope.md, "Limits", has the reasons. With message_plain_max
    // this bounds the bytes under it to 2^63, so they are not counted besides.
    uint64_t messages = uint64_t{1} << 20;
    base::Duration age = std::chrono::hours(1);
    // Data keys kept for sealing, one a context, and unwrapped ones; the oldest goes first. 4 KiB
    // each.
    size_t contexts = 64;
    size_t opened = 1024;
  };
  // A process takes this many messages from a shared file at once, and what it does not use is
  // lost: 16 384 processes an hour share one key.
  static constexpr uint64_t batch = 64;

  using Contexts = std::function<bool(const EncryptionContext&)>;

  // Without `file` each process asks for its own data keys. `clock` is borrowed.
  DataKeyCache(std::unique_ptr<KeyWrapper> inner, const base::Clock& clock, Limits limits,
               std::optional<DataKeyFile> file, Contexts kept_opened = nullptr);

  // As the inner one throws. Threads that want the same key wait for the one that asks for it.
  DataKey generate(const EncryptionContext& context, std::stop_token stop) override;
  void add_wrapping(DataKey& key, const EncryptionContext& context, std::stop_token stop) override;
  // Failures are not kept: the next call asks again.
  std::optional<SecretKey> unwrap(std::span<const EncryptedDataKey> wrapped,
                                  const EncryptionContext& context, std::stop_token stop) override;
  std::string describe() const override;

 private:
  struct Sealing {
    DataKey key;
    base::Instant made;
    uint64_t left;  // messages
  };
  struct Opened {
    SecretKey key;
    base::Instant since;
  };
  class Turn;
  bool young(base::Instant since) const;
  Sealing obtain(const EncryptionContext& context, const base::Bytes& serialised,
                 std::stop_token stop);
  std::optional<Opened> open(std::span<const EncryptedDataKey> wrapped,
                             const EncryptionContext& context, const std::string& name,
                             std::stop_token stop);
  void remember_opened(const std::string& name, const SecretKey& key, base::Instant since);

  const std::unique_ptr<KeyWrapper> inner_;
  const base::Clock& clock_;
  const Limits limits_;
  const std::optional<DataKeyFile> file_;
  const Contexts kept_opened_;

  std::mutex mutex_;  // guards what follows; not held during calls to `inner_`
  std::condition_variable_any changed_;
  std::set<std::string> asking_;  // what some thread is asking for
  std::map<std::string, Sealing> sealing_;
  std::map<std::string, Opened> opened_;
  std::deque<std::string> opened_order_;
};

}  // namespace crypto
