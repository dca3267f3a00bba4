// Puts one object of noise into a bucket, or gets it back, and prints the seconds that took; for
// bench/s3_throughput.py, which compares them with curl's.
//
//   s3_throughput put|get BUCKET KEY MEBIBYTES CONNECTIONS
#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "base/error.h"
#include "base/task_group.h"
#include "cloud/s3_store.h"

namespace {

constexpr uint64_t part_bytes = 8 * base::MiB;

cloud::S3Store open(const std::string& bucket, unsigned connections) {
  cloud::S3StoreOptions options;
  options.server.bucket = bucket;
  options.prefix = "throughput";
  options.part_bytes = part_bytes;
  options.parts_in_flight = connections;
  return cloud::S3Store(options);
}

void put(cloud::S3Store& store, const storage::ObjectKey& key, uint64_t bytes) {
  base::Bytes noise(base::MiB);
  base::fill_random(noise);
  const auto writer = store.begin_write(key, {.expected_bytes = bytes}, {});
  for (uint64_t done = 0; done < bytes; done += noise.size()) writer->write(noise);
  if (writer->commit() != storage::PutOutcome::stored)
    throw base::Error(base::ErrorKind::conflict, "it is there already");
}

void get(cloud::S3Store& store, const storage::ObjectKey& key, uint64_t bytes,
         unsigned connections) {
  std::atomic<uint64_t> next{0};
  base::TaskGroup group({});
  group.spawn("get", connections, [&](const std::stop_token& stop) {
    base::Bytes out(part_bytes);
    for (uint64_t offset = 0; (offset = next.fetch_add(part_bytes)) < bytes;)
      store.read(key, offset, base::ByteSpan(out).first(std::min(part_bytes, bytes - offset)),
                 stop);
  });
  group.join();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: s3_throughput put|get BUCKET KEY MEBIBYTES CONNECTIONS\n");
    return 2;
  }
  try {
    const unsigned connections = static_cast<unsigned>(std::strtoul(argv[5], nullptr, 10));
    const uint64_t bytes = std::strtoull(argv[4], nullptr, 10) * base::MiB;
    const storage::ObjectKey key(argv[3]);
    cloud::S3Store store = open(argv[2], connections);
    (void)store.facts({});
    const base::Stopwatch watch;
    if (std::string_view(argv[1]) == "put") {
      put(store, key, bytes);
    } else {
      get(store, key, bytes, connections);
    }
    std::printf("%.3f\n", watch.seconds());
    return 0;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "s3_throughput: %s\n", failure.what());
    return 1;
  }
}
