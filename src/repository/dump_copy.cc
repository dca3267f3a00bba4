#include "repository/dump_copy.h"

#include <algorithm>

#include "base/error.h"
#include "base/task_group.h"
#include "crypto/open.h"
#include "repository/dump_check.h"
#include "repository/sealed_store.h"

namespace repository {

using base::Bytes;
using base::ByteSpan;
using base::ByteView;
using base::ErrorKind;
using storage::ObjectKey;
using storage::ObjectStore;
using storage::PutOutcome;

namespace {

constexpr uint64_t piece_bytes = 4 * base::MiB;
constexpr uint64_t record_bytes_max = 512 * base::MiB;

// Reads an object piece by piece.
void for_each_piece(ObjectStore& store, const ObjectKey& key, uint64_t size,
                    const std::function<void(ByteView)>& take, const std::stop_token& stop) {
  Bytes piece;
  for (uint64_t at = 0; at < size; at += piece.size()) {
    base::throw_if_stopped(stop);
    piece.resize(std::min(piece_bytes, size - at));
    store.read(key, at, piece, stop);
    take(piece);
  }
}

// Compares an archive with its record as its bytes pass, opening them first where they are sealed.
// Without the right to open either it takes everything.
class PassingArchive {
 public:
  PassingArchive(const CopyOrder& order, const StoredDump& dump, bool sealed,
                 const std::stop_token& stop) {
    try {
      record_ = read_record(order.source.in_clear, dump.name, stop);
    } catch (const base::Error& failure) {
      if (failure.kind() != ErrorKind::denied) throw;
      return;
    }
    check_.emplace(*record_);
    if (!sealed) return;
    opener_.emplace(
        *order.source_keys, crypto::EncryptionContext{{"repository", dumps_scope}},
        [this](ByteView plain) { check_->update(plain); }, stop);
  }
  PassingArchive(const PassingArchive&) = delete;
  PassingArchive& operator=(const PassingArchive&) = delete;

  void write(ByteView bytes) {
    if (!check_) return;
    if (!opener_) return check_->update(bytes);
    try {
      opener_->write(bytes);
    } catch (const base::Error& failure) {
      if (failure.kind() != ErrorKind::denied) throw;
      opener_.reset();
      check_.reset();
    }
  }

  void finish() {
    if (opener_) opener_->finish();
    if (check_) check_->finish();
  }

 private:
  std::optional<DumpRecord> record_;
  std::optional<DumpCheck> check_;
  std::optional<crypto::Opener> opener_;
};

class DumpCopier {
 public:
  DumpCopier(const CopyOrder& order, const StoredDump& dump, std::atomic<uint64_t>& progress,
             const std::stop_token& stop)
      : order_(order), dump_(dump), progress_(progress), stop_(stop) {}

  void run() {
    const bool sealed = order_.source_keys != nullptr;
    const bool anew = sealed && !opens_with_replica_key();
    // As it is kept, or sealed anew from what it holds.
    ObjectStore& from = anew ? order_.source.in_clear : order_.source.stored;
    ObjectStore& to = anew ? order_.replica.in_clear : order_.replica.stored;
    PassingArchive passing(order_, dump_, sealed && !anew, stop_);
    copy_archive(from, to, passing);
    copy_record(from, to);
  }

 private:
  bool opens_with_replica_key() {
    const ObjectKey key = dump_.name.archive_key();
    Bytes start(crypto::envelope_header_bytes);
    order_.source.stored.read(key, 0, start, stop_);
    const std::optional<crypto::MessageHeader> header = crypto::parse_message_header(start);
    if (!header) throw base::error(ErrorKind::corrupt, "{} is not sealed as ours are", key.text());
    try {
      return order_.replica_key->unwrap(header->keys, header->context, stop_).has_value();
    } catch (const base::Error& failure) {
      // Who may not open it cannot seal it anew either; who takes it out will be told.
      if (failure.kind() != ErrorKind::denied) throw;
      return true;
    }
  }

  // Listed, as asking for an object takes the right to read it.
  std::optional<uint64_t> size_if_there(ObjectStore& store, const ObjectKey& key) {
    for (const storage::ObjectInfo& info : storage::list_all(store, key.text(), stop_)) {
      if (info.key == key) return info.size;
    }
    return std::nullopt;
  }

  uint64_t size_of(ObjectStore& store, const ObjectKey& key) {
    if (const std::optional<uint64_t> size = size_if_there(store, key)) return *size;
    throw base::error(ErrorKind::absent, "{} is gone from {}", key.text(), store.url());
  }

  void copy_archive(ObjectStore& from, ObjectStore& to, PassingArchive& passing) {
    const ObjectKey key = dump_.name.archive_key();
    const uint64_t size = size_of(from, key);
    if (size_if_there(to, key)) return require_same(from, to, key, size);
    const std::unique_ptr<storage::ObjectWriter> writer =
        to.begin_write(key, {.expected_bytes = size}, stop_);
    const auto take = [&](ByteView piece) {
      passing.write(piece);
      writer->write(piece);
      progress_ += piece.size();
    };
    for_each_piece(from, key, size, take, stop_);
    base::while_doing(key.text(), [&] { passing.finish(); });
    if (writer->commit() != PutOutcome::stored) return require_same(from, to, key, size);
    const uint64_t arrived = size_of(to, key);
    if (arrived == size) return;
    throw base::error(ErrorKind::corrupt, "{} has {} bytes in {}, and {} in {}", key.text(),
                      arrived, to.url(), size, from.url());
  }

  // What a run that was cut short left, or another one put just now.
  void require_same(ObjectStore& from, ObjectStore& to, const ObjectKey& key, uint64_t size) {
    bool same = size_of(to, key) == size;
    uint64_t at = 0;
    Bytes there;
    const auto compare = [&](ByteView piece) {
      there.resize(piece.size());
      to.read(key, at, there, stop_);
      same = same && std::ranges::equal(there, piece);
      at += piece.size();
      progress_ += piece.size();
    };
    if (same) for_each_piece(from, key, size, compare, stop_);
    if (!same) throw_other(key, to);
  }

  void copy_record(ObjectStore& from, ObjectStore& to) {
    const ObjectKey key = dump_.name.record_key();
    const Bytes record = storage::read_all(from, key, record_bytes_max, stop_);
    if (to.put_if_absent(key, record, stop_) == PutOutcome::stored) return;
    if (to.get(key, record_bytes_max, stop_) != record) throw_other(key, to);
  }

  [[noreturn]] static void throw_other(const ObjectKey& key, const ObjectStore& to) {
    throw base::Error(ErrorKind::conflict,
                      fmt::format("{} has another {} than its source", to.url(), key.text()),
                      "somebody else writes there, or it was changed: look at both");
  }

  const CopyOrder& order_;
  const StoredDump& dump_;
  std::atomic<uint64_t>& progress_;
  const std::stop_token& stop_;
};

}  // namespace

std::vector<StoredDump> missing_copies(const std::vector<StoredDump>& source,
                                       const std::vector<StoredDump>& replica,
                                       const std::string& database, base::Instant since) {
  std::vector<StoredDump> missing;
  for (const StoredDump& dump : source) {
    if (!dump.finished || dump.name.database != database || dump.modified < since) continue;
    const auto copy = std::ranges::find(replica, dump.name, &StoredDump::name);
    if (copy == replica.end() || !copy->finished) missing.push_back(dump);
  }
  return missing;
}

void copy_dump(const CopyOrder& order, const StoredDump& dump, std::atomic<uint64_t>& progress,
               std::stop_token stop) {
  base::while_doing(fmt::format("copying {} to {}", dump.name.text(), order.replica.stored.url()),
                    [&] { DumpCopier(order, dump, progress, stop).run(); });
}

}  // namespace repository
