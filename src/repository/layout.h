// The names of objects in a repository. docs/formats/repository.md, "Objects".
#pragma once

#include <array>
#include <string>

#include "base/time.h"
#include "postgres/lsn.h"
#include "storage/object_store.h"

namespace repository {

using storage::ObjectKey;

struct EpochNumber {
  uint32_t value = 0;
  auto operator<=>(const EpochNumber&) const = default;
};
std::string to_string(EpochNumber epoch);  // four digits

// 16 bytes, the first six of them the milliseconds since 1970.
struct PackId {
  std::array<std::byte, 16> bytes{};
  auto operator<=>(const PackId&) const = default;
  std::string hex() const { return base::to_hex(bytes); }
  base::Instant made() const;
};
static_assert(sizeof(PackId) == 16);
PackId new_pack_id(base::Instant now);
// Throws corrupt.
PackId parse_pack_id(std::string_view hex);

// "<start>-<8 hexadecimal digits>"
std::string new_run_id(base::Instant now);

ObjectKey repository_key();
ObjectKey hash_key_key();
std::string epoch_prefix();
ObjectKey epoch_key(EpochNumber epoch);

ObjectKey wal_key(EpochNumber epoch, const postgres::WalFileName& file);
ObjectKey wal_chunk_key(EpochNumber epoch, const std::string& segment_name, uint64_t begin,
                        uint64_t end);
std::string wal_chunk_prefix(EpochNumber epoch, const std::string& segment_name);
std::string wal_prefix(EpochNumber epoch);  // everything
std::string wal_prefix(EpochNumber epoch,
                       postgres::Timeline timeline);  // segments and chunks of one timeline
std::string wal_history_prefix(EpochNumber epoch);

ObjectKey pack_key(EpochNumber epoch, const PackId& pack);
std::string pack_prefix(EpochNumber epoch);
ObjectKey shard_key(EpochNumber epoch, const std::string& run, uint32_t number);
std::string shard_prefix(EpochNumber epoch);
ObjectKey snapshot_key(EpochNumber epoch, const std::string& id);
std::string snapshot_prefix(EpochNumber epoch);

// `lane` is "<layer>-<tier>".
ObjectKey claim_key(const std::string& lane, base::Instant slot, int attempt);
ObjectKey run_key(const std::string& lane, base::Instant slot, int attempt);
ObjectKey condemned_key(const std::string& id);

}  // namespace repository
