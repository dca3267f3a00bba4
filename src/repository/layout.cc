#include "repository/layout.h"

#include "base/error.h"

namespace repository {

std::string to_string(EpochNumber epoch) { return fmt::format("{:04}", epoch.value); }

base::Instant PackId::made() const {
  uint64_t milliseconds = 0;
  for (size_t i = 0; i < 6; ++i)
    milliseconds = milliseconds << 8 | std::to_integer<uint64_t>(bytes[i]);
  return base::Instant(std::chrono::milliseconds(milliseconds));
}

PackId new_pack_id(base::Instant now) {
  PackId id;
  base::fill_random(id.bytes);
  uint64_t milliseconds = static_cast<uint64_t>(
      std::chrono::floor<std::chrono::milliseconds>(now.time_since_epoch()).count());
  for (size_t i = 6; i-- > 0; milliseconds >>= 8)
    id.bytes[i] = static_cast<std::byte>(milliseconds & 0xFF);
  return id;
}

PackId parse_pack_id(std::string_view hex) {
  PackId id;
  if (hex.size() != 32) throw base::error(base::ErrorKind::corrupt, "'{}' is no pack's id", hex);
  const base::Bytes bytes = base::corrupt_if_invalid([&] { return base::from_hex(hex); });
  std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
  return id;
}

std::string new_run_id(base::Instant now) {
  std::array<std::byte, 4> random{};
  base::fill_random(random);
  return base::to_compact(now) + "-" + base::to_hex(random);
}

ObjectKey repository_key() { return ObjectKey("repository.json"); }
ObjectKey hash_key_key() { return ObjectKey("hash-key.json"); }
std::string epoch_prefix() { return "epochs/"; }
ObjectKey epoch_key(EpochNumber epoch) {
  return ObjectKey(fmt::format("epochs/{}.json", to_string(epoch)));
}

std::string wal_prefix(EpochNumber epoch) { return fmt::format("wal/{}/", to_string(epoch)); }
std::string wal_prefix(EpochNumber epoch, postgres::Timeline timeline) {
  return fmt::format("wal/{}/{:08X}/", to_string(epoch), timeline.value);
}
std::string wal_history_prefix(EpochNumber epoch) { return wal_prefix(epoch) + "history/"; }

namespace {
std::string wal_folder(EpochNumber epoch, const std::string& segment_name) {
  return fmt::format("wal/{}/{}/{}/", to_string(epoch), segment_name.substr(0, 8),
                     segment_name.substr(8, 8));
}
}  // namespace

ObjectKey wal_key(EpochNumber epoch, const postgres::WalFileName& file) {
  if (file.kind == postgres::WalFileKind::history)
    return ObjectKey(wal_history_prefix(epoch) + file.text + ".zst");
  return ObjectKey(wal_folder(epoch, file.segment_name) + file.text + ".zst");
}
std::string wal_chunk_prefix(EpochNumber epoch, const std::string& segment_name) {
  return wal_folder(epoch, segment_name) + segment_name + ".d/";
}
ObjectKey wal_chunk_key(EpochNumber epoch, const std::string& segment_name, uint64_t begin,
                        uint64_t end) {
  return ObjectKey(
      fmt::format("{}{:08X}-{:08X}.zst", wal_chunk_prefix(epoch, segment_name), begin, end));
}

std::string pack_prefix(EpochNumber epoch) { return fmt::format("packs/{}/", to_string(epoch)); }
ObjectKey pack_key(EpochNumber epoch, const PackId& pack) {
  return ObjectKey(pack_prefix(epoch) + pack.hex() + ".zst");
}
std::string shard_prefix(EpochNumber epoch) { return fmt::format("shards/{}/", to_string(epoch)); }
ObjectKey shard_key(EpochNumber epoch, const std::string& run, uint32_t number) {
  return ObjectKey(fmt::format("{}{}/{:06}.zst", shard_prefix(epoch), run, number));
}
std::string snapshot_prefix(EpochNumber epoch) {
  return fmt::format("snapshots/{}/", to_string(epoch));
}
ObjectKey snapshot_key(EpochNumber epoch, const std::string& id) {
  return ObjectKey(snapshot_prefix(epoch) + id + ".json");
}

ObjectKey claim_key(const std::string& lane, base::Instant slot, int attempt) {
  return ObjectKey(fmt::format("claims/{}/{}/{:02}.json", lane, base::to_compact(slot), attempt));
}
ObjectKey run_key(const std::string& lane, base::Instant slot, int attempt) {
  return ObjectKey(fmt::format("runs/{}/{}/{:02}.json", lane, base::to_compact(slot), attempt));
}
ObjectKey condemned_key(const std::string& id) { return ObjectKey("condemned/" + id + ".json"); }

}  // namespace repository
