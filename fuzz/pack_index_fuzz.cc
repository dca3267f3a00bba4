// Any bytes as the table at the end of a pack, in a pack whose digests fit: an index within its
// bounds, or corrupt.
#include "base/compress.h"
#include "fuzz.h"
#include "repository/pack.h"
#include "testing/sample_repository.h"

namespace {

// A pack with this table, and as many bytes of frames as it speaks of, if those are few.
base::Bytes pack_with(const repository::Repository& repository, const repository::PackId& id,
                      base::ByteView table) {
  uint64_t frames = 0;
  uint64_t frame_bytes = 0;
  if (table.size() >= 16) {
    frames = base::load<uint32_t>(table.data());
    for (uint64_t i = 0; i < frames && 16 + (i + 1) * 32 <= table.size(); ++i)
      frame_bytes += base::load<uint32_t>(table.data() + 16 + i * 32 + 8);
  }
  repository::ObjectHeader header{
      .kind = repository::ObjectKind::pack, .repository = repository.id(), .epoch = 1};
  header.nonce = id.bytes;
  base::Bytes pack = header.serialise(repository.hash_key());
  pack.resize(pack.size() + std::min<uint64_t>(frame_bytes, 64 * base::KiB));
  const base::Bytes packed = base::Compressor(1, true).compress(table);
  base::append<uint32_t>(pack, repository::footer_frame_magic);
  base::append<uint32_t>(pack, static_cast<uint32_t>(packed.size() + 48));
  base::append(pack, packed);
  base::append<uint64_t>(pack, packed.size() + 56);
  base::append<uint64_t>(pack, table.size());
  base::append(pack, base::ByteView(repository.hash_key().digest(packed).bytes));
  base::append<uint64_t>(pack, frames);
  base::append(pack, base::as_bytes(std::string_view("seawall\0", 8)));
  return pack;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static testing::SampleRepository sample;
  const repository::PackId id{};
  const repository::EpochNumber epoch = sample.epoch.number;
  sample.store.replace(repository::pack_key(epoch, id).text(),
                       pack_with(sample.repository, id, fuzz::view(data, size)));
  fuzz::refused_at_worst({base::ErrorKind::corrupt}, [&] {
    const repository::PackIndex index =
        repository::read_pack_index(sample.repository, epoch, id, {});
    for (const repository::PackIndex::Extent& extent : index.extents)
      CHECK(extent.frame < index.frames.size());
  });
  return 0;
}
