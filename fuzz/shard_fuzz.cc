// Any bytes as the content of an index shard: refused, or every name, extent and digest of it can
// be looked at.
#include "fuzz.h"
#include "repository/shard.h"

namespace {

void look_at(const repository::Shard& shard, const repository::FileRow& file) {
  CHECK(shard.find(shard.name(file)) == &file);
  (void)shard.link_target(file);
  const uint64_t blocks = repository::blocks_of(file.size);
  CHECK(shard.digests(file).size() == blocks);
  for (const repository::ExtentRow& extent : shard.extents(file)) {
    for (const uint32_t block : {extent.block, extent.block + extent.blocks - 1}) {
      CHECK(&shard.extent_of(file, block) == &extent);
    }
    if (extent.frame != repository::zero_frame) (void)repository::address_of(shard, extent.frame);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const base::ByteView bytes = fuzz::view(data, size);
  fuzz::refused_at_worst({base::ErrorKind::corrupt}, [&] {
    const repository::Shard shard =
        repository::Shard::parse(base::Bytes(bytes.begin(), bytes.end()));
    for (uint32_t file = 0; file < shard.file_count(); ++file) look_at(shard, shard.file(file));
    CHECK(shard.find("no such path") == nullptr || shard.file_count() > 0);
  });
  return 0;
}
