#include "repository/verify.h"

#include <map>
#include <mutex>
#include <set>

#include "base/error.h"
#include "base/task_group.h"
#include "repository/json_object.h"
#include "repository/pack.h"
#include "repository/sealed_store.h"
#include "repository/wal_archive.h"

namespace repository {

using base::ErrorKind;

namespace {

// A block that must be found at its place in a frame.
struct BlockUse {
  uint32_t offset;
  uint32_t bytes;
  crypto::Digest digest;
};

class Verifier {
 public:
  Verifier(const Repository& repository, unsigned threads, VerifyProgress& progress,
           std::stop_token stop)
      : repository_(repository), threads_(threads), progress_(progress), stop_(std::move(stop)) {}

  VerifyReport run() {
    std::vector<storage::ObjectInfo> objects = storage::list_all(repository_.store(), "", stop_);
    for (const storage::ObjectInfo& object : objects) {
      progress_.bytes_total += object.size;
      sizes_.emplace(object.key.text(), object.size);
    }
    report_.objects = objects.size();
    for (const Epoch& epoch : repository_.epochs(stop_)) {
      epochs_.push_back(epoch);
      read_roots(epoch);
    }
    in_parallel(objects);
    judge_denied();
    std::ranges::sort(report_.damage, {}, &Damage::key);
    return std::move(report_);
  }

 private:
  void read_roots(const Epoch& epoch) {
    for (const std::string& id : snapshot_ids(repository_, epoch.number, stop_)) {
      const std::string key = snapshot_key(epoch.number, id).text();
      try {
        const SnapshotRoot root = read_snapshot(repository_, epoch.number, id, stop_);
        for (const ShardRef& shard : root.shards) {
          users_[shard.key].insert(id);
          named_shards_.insert(shard.key);
          if (!shard.prefix.empty()) users_[shard.prefix].insert(id);
        }
        for (const PackRef& pack : root.packs) check_pack_size(epoch.number, pack, id);
        for (const ShardRef& shard : root.shards) {
          if (!sizes_.contains(shard.key)) note(shard.key, "it is missing", {id});
          if (!shard.prefix.empty() && !sizes_.contains(shard.prefix))
            note(shard.prefix, "it is missing", {id});
        }
      } catch (const base::Error& failure) {
        if (failure.kind() == ErrorKind::cancelled || failure.kind() == ErrorKind::unavailable)
          throw;
        note(key, failure.message(), {id});
      }
    }
  }

  void check_pack_size(EpochNumber epoch, const PackRef& pack, const std::string& id) {
    const std::string key = pack_key(epoch, pack.id).text();
    users_[key].insert(id);
    const auto found = sizes_.find(key);
    if (found == sizes_.end()) {
      note(key, "it is missing", {id});
    } else if (found->second != pack.size) {
      note(key, fmt::format("it has {} bytes where the snapshot says {}", found->second, pack.size),
           {id});
    }
  }

  void in_parallel(const std::vector<storage::ObjectInfo>& objects) {
    std::atomic<size_t> next{0};
    base::TaskGroup tasks(stop_);
    tasks.spawn("verify", threads_, [&](std::stop_token own) {
      for (size_t i = next++; i < objects.size(); i = next++) {
        base::throw_if_stopped(own);
        check(objects[i], own);
        progress_.bytes_done += objects[i].size;
      }
    });
    tasks.join();
  }

  void check(const storage::ObjectInfo& object, std::stop_token stop) {
    const std::string& key = object.key.text();
    try {
      if (key.starts_with("packs/")) {
        check_pack(key, stop);
      } else if (key.starts_with("shards/")) {
        check_shard(key, stop);
      } else if (key.starts_with("wal/")) {
        check_wal(object, stop);
      } else {
        check_json(key, stop);
      }
      const std::lock_guard lock(mutex_);
      report_.bytes += object.size;
      granted_.insert(class_of(object.key));
    } catch (const base::Error& failure) {
      take_failure(key, failure, {});
    }
  }

  // In a catch: what is wrong with one object, or with all.
  void take_failure(const std::string& key, const base::Error& failure,
                    const std::set<std::string>& snapshots) {
    if (failure.kind() == ErrorKind::cancelled || failure.kind() == ErrorKind::unavailable) throw;
    if (failure.kind() != ErrorKind::denied) return note(key, failure.message(), snapshots);
    const std::lock_guard lock(mutex_);
    denied_.emplace(key, failure);
  }

  // Where not one object of a class opens, it is us who may not read them, and nobody knows how
  // they are. Where others do, it is the object that says it was sealed for somebody else.
  void judge_denied() {
    for (const auto& entry : denied_) {
      const std::string& key = entry.first;
      const base::Error& failure = entry.second;
      if (!granted_.contains(class_of(ObjectKey(key)))) throw failure.while_doing("reading " + key);
      note(key, failure.message(), {});
    }
  }

  const Epoch& epoch_of(const std::string& key) const {
    const size_t slash = key.find('/');
    for (const Epoch& epoch : epochs_) {
      if (key.compare(slash + 1, 4, to_string(epoch.number)) == 0) return epoch;
    }
    throw base::error(ErrorKind::corrupt, "it is of an epoch that the repository does not have");
  }

  // Every frame's stored bytes against the pack's own index: any bit of it.
  void check_pack(const std::string& key, std::stop_token stop) {
    const EpochNumber epoch = epoch_of(key).number;
    const size_t name = key.rfind('/') + 1;
    const PackIndex index =
        read_pack_index(repository_, epoch, parse_pack_id(key.substr(name, 32)), stop);
    base::Bytes packed;
    base::Bytes raw;
    base::Decompressor decompressor;
    for (const PackIndex::Frame& frame : index.frames) {
      packed.resize(frame.address.stored_bytes);
      repository_.store().read(ObjectKey(key), frame.address.offset, packed, stop);
      if (repository_.hash_key().digest(packed) != frame.digest) {
        throw base::error(ErrorKind::corrupt, "the frame at byte {} does not match its digest",
                          frame.address.offset);
      }
      raw.resize(frame.address.raw_bytes);
      decompressor.decompress_exactly(packed, raw);
    }
  }

  // The shard itself, and every block it names, read from its pack.
  void check_shard(const std::string& key, std::stop_token stop) {
    const EpochNumber epoch = epoch_of(key).number;
    const Shard shard = Shard::parse(read_shard(repository_, ObjectKey(key), stop));
    // Left by a run that was cut short, or only differences are from it: nobody restores by it, and
    // what it names may be gone.
    if (!named_shards_.contains(key)) return;
    FrameReader reader(repository_, epoch);
    uint64_t blocks = 0;
    const std::map<uint32_t, std::vector<BlockUse>> frames = uses_by_frame(shard);
    std::vector<FrameAddress> addresses;
    for (const auto& [frame, uses] : frames) addresses.push_back(address_of(shard, frame));
    reader.expect(std::move(addresses));
    for (const auto& [frame, uses] : frames) {
      const FrameAddress address = address_of(shard, frame);
      base::Bytes raw;
      try {
        reader.read(address, raw, stop);
        for (const BlockUse& block : uses) {
          const base::ByteView bytes = base::ByteView(raw).subspan(block.offset, block.bytes);
          if (repository_.hash_key().digest(bytes) != block.digest) {
            throw base::error(ErrorKind::corrupt,
                              "the frame at byte {} holds other blocks than index shard {} says",
                              address.offset, key);
          }
          ++blocks;
        }
      } catch (const base::Error& failure) {
        take_failure(pack_key(epoch, address.pack).text(), failure, users_.at(key));
      }
    }
    const std::lock_guard lock(mutex_);
    report_.blocks += blocks;
  }

  static std::map<uint32_t, std::vector<BlockUse>> uses_by_frame(const Shard& shard) {
    std::map<uint32_t, std::vector<BlockUse>> uses;
    for (uint32_t i = 0; i < shard.file_count(); ++i) {
      const FileRow& file = shard.file(i);
      const auto digests = shard.digests(file);
      for (const ExtentRow& extent : shard.extents(file)) {
        if (extent.frame == zero_frame) continue;
        for (uint32_t j = 0; j < extent.blocks; ++j) {
          uses[extent.frame].push_back(
              {static_cast<uint32_t>(extent.offset + j * block_bytes),
               static_cast<uint32_t>(bytes_of_block(file.size, extent.block + j)),
               digests[extent.block + j]});
        }
      }
    }
    return uses;
  }

  void check_wal(const storage::ObjectInfo& object, std::stop_token stop) {
    const WalArchive archive(repository_, epoch_of(object.key.text()));
    archive.check_object(object, stop);
  }

  void check_json(const std::string& key, std::stop_token stop) {
    static const std::map<std::string, std::string, std::less<>> types = {
        {"repository.json", "repository"},
        {"hash-key.json", "hash-key"},
        {"epochs", "epoch"},
        {"snapshots", "snapshot"},
        {"claims", "claim"},
        {"runs", "run"},
        {"condemned", "condemned"},
        {"policies", "policy"},
        {"verifications", "verification"},
        {"probes", "probe"},
        {"key-confirmations", "key-confirmation"},
        {"alerts", "alert"},
        {"drills", "drill"},
        {"sign-offs", "sign-off"},
        {"rewrapped", "rewrapped"}};
    const auto type = types.find(key.substr(0, key.find('/')));
    if (type == types.end())
      throw base::error(ErrorKind::corrupt, "it is no object of a repository");
    repository_.read_json(ObjectKey(key), type->second, stop);
  }

  void note(const std::string& key, const std::string& what, std::set<std::string> snapshots) {
    if (const auto users = users_.find(key); users != users_.end())
      snapshots.insert(users->second.begin(), users->second.end());
    const std::lock_guard lock(mutex_);
    for (Damage& damage : report_.damage) {
      if (damage.key != key) continue;
      snapshots.insert(damage.snapshots.begin(), damage.snapshots.end());
      damage.snapshots.assign(snapshots.begin(), snapshots.end());
      return;
    }
    report_.damage.push_back({key, what, {snapshots.begin(), snapshots.end()}});
  }

  const Repository& repository_;
  unsigned threads_;
  VerifyProgress& progress_;
  std::stop_token stop_;
  std::vector<Epoch> epochs_;
  std::map<std::string, uint64_t> sizes_;
  std::map<std::string, std::set<std::string>>
      users_;  // snapshots by the keys they need; fixed before the threads start
  std::set<std::string> named_shards_;  // by roots, and not only as what a difference is from
  std::mutex mutex_;                    // guards what follows
  VerifyReport report_;
  std::set<KeyClass> granted_;                 // classes of which an object was read
  std::map<std::string, base::Error> denied_;  // by key
};

}  // namespace

VerifyReport verify(const Repository& repository, unsigned threads, VerifyProgress& progress,
                    std::stop_token stop) {
  return Verifier(repository, threads, progress, std::move(stop)).run();
}

}  // namespace repository
