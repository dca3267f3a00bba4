#include "testing/faulty_store.h"

#include "base/error.h"

namespace testing {

using base::Error;
using base::ErrorKind;
using storage::ObjectKey;

namespace {
Error error_for(Fault fault) {
  switch (fault) {
    case Fault::denied:
      return Error(ErrorKind::denied, "injected: not allowed");
    case Fault::full:
      return Error(ErrorKind::full, "injected: no room");
    case Fault::unavailable:
    case Fault::reply_lost:
      break;
  }
  return Error(ErrorKind::unavailable, "injected: no answer");
}
}  // namespace

template <typename Call>
decltype(auto) FaultyStore::run(bool has_effect, Call&& call) {
  const uint64_t number = ++calls_;
  const uint64_t fail_at = fail_at_;
  const bool fails = fail_at != 0 && (number == fail_at || (for_good_ && number > fail_at));
  if (!fails) return std::forward<Call>(call)();
  failed_ = true;
  if (fault_ == Fault::reply_lost && has_effect) std::forward<Call>(call)();
  throw error_for(fault_);
}

class FaultyWriter final : public storage::ObjectWriter {
 public:
  FaultyWriter(FaultyStore& store, std::unique_ptr<storage::ObjectWriter> writer)
      : store_(store), writer_(std::move(writer)) {}
  void write(base::ByteView bytes) override {
    store_.run(false, [&] { writer_->write(bytes); });
  }
  storage::PutOutcome commit(base::ByteView head) override {
    return store_.run(true, [&] { return writer_->commit(head); });
  }

 private:
  FaultyStore& store_;
  std::unique_ptr<storage::ObjectWriter> writer_;
};

void FaultyStore::fail_call(uint64_t number, Fault fault, bool for_good) {
  calls_ = 0;
  failed_ = false;
  fault_ = fault;
  for_good_ = for_good;
  fail_at_ = number;
}

storage::PutOutcome FaultyStore::put_if_absent(const ObjectKey& key, base::ByteView body,
                                               std::stop_token stop) {
  return run(true, [&] { return store_.put_if_absent(key, body, stop); });
}

std::unique_ptr<storage::ObjectWriter> FaultyStore::begin_write(
    const ObjectKey& key, const storage::WriteOptions& options, std::stop_token stop) {
  return run(false, [&] {
    return std::make_unique<FaultyWriter>(*this, store_.begin_write(key, options, stop));
  });
}

std::optional<storage::ObjectInfo> FaultyStore::stat(const ObjectKey& key, std::stop_token stop) {
  return run(false, [&] { return store_.stat(key, stop); });
}

void FaultyStore::read(const ObjectKey& key, uint64_t offset, base::ByteSpan out,
                       std::stop_token stop) {
  run(false, [&] { store_.read(key, offset, out, stop); });
}

void FaultyStore::list(const std::string& prefix,
                       const std::function<bool(const storage::ObjectInfo&)>& visit,
                       std::stop_token stop) {
  run(false, [&] { store_.list(prefix, visit, stop); });
}

void FaultyStore::remove(const ObjectKey& key, std::stop_token stop) {
  run(true, [&] { store_.remove(key, stop); });
}

base::Instant FaultyStore::now(std::stop_token stop) {
  return run(false, [&] { return store_.now(stop); });
}

}  // namespace testing
