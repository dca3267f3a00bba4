// A store whose call number N fails, so that a test can fail call 1, then 2, then 3, until the
// operation succeeds. Wraps another store, which it borrows. Safe to share between threads.
#pragma once

#include <atomic>

#include "storage/object_store.h"

namespace testing {

enum class Fault {
  unavailable,
  denied,
  full,
  reply_lost,  // the effect is there, and the caller sees `unavailable`
};
inline constexpr Fault all_faults[] = {Fault::unavailable, Fault::denied, Fault::full,
                                       Fault::reply_lost};

// Calls are those of ObjectStore, and write() and commit() of its writers; calls that only read
// lose their reply as if they had failed.
class FaultyStore final : public storage::ObjectStore {
 public:
  explicit FaultyStore(storage::ObjectStore& store) : store_(store) {}

  // Call number `number` from now on (the next is 1) fails; with `for_good`, all behind it too.
  void fail_call(uint64_t number, Fault fault, bool for_good = false);
  void heal() { fail_at_ = 0; }
  // Whether the fault was met.
  bool failed() const { return failed_; }
  uint64_t calls() const { return calls_; }  // since fail_call()

  std::string url() const override { return store_.url(); }
  uint64_t worth_asking_for() const override { return store_.worth_asking_for(); }
  storage::PutOutcome put_if_absent(const storage::ObjectKey& key, base::ByteView body,
                                    std::stop_token stop) override;
  std::unique_ptr<storage::ObjectWriter> begin_write(const storage::ObjectKey& key,
                                                     const storage::WriteOptions& options,
                                                     std::stop_token stop) override;
  std::optional<storage::ObjectInfo> stat(const storage::ObjectKey& key,
                                          std::stop_token stop) override;
  void read(const storage::ObjectKey& key, uint64_t offset, base::ByteSpan out,
            std::stop_token stop) override;
  void list(const std::string& prefix, const std::function<bool(const storage::ObjectInfo&)>& visit,
            std::stop_token stop) override;
  void remove(const storage::ObjectKey& key, std::stop_token stop) override;
  base::Instant now(std::stop_token stop) override;

 private:
  friend class FaultyWriter;
  // Counts a call and runs it, unless it is the one to fail.
  template <typename Call>
  decltype(auto) run(bool has_effect, Call&& call);

  storage::ObjectStore& store_;
  std::atomic<uint64_t> calls_{0};
  std::atomic<uint64_t> fail_at_{0};  // 0: none
  std::atomic<bool> for_good_{false};
  std::atomic<Fault> fault_{Fault::unavailable};
  std::atomic<bool> failed_{false};
};

}  // namespace testing
