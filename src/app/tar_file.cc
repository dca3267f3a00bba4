#include "app/tar_file.h"

#include <fcntl.h>
#include <zlib.h>

#include <cstring>

#include "base/compress.h"
#include "base/error.h"

namespace app {

using base::Bytes;
using base::ByteView;
using base::Error;
using base::ErrorKind;

namespace {

constexpr size_t block = 512;
constexpr size_t buffer_bytes = base::MiB;  // one frame, or one member, of each

// One member of RFC 1952; members follow each other in a file.
Bytes gzip(ByteView plain) {
  z_stream stream{};
  constexpr int gzip_window = 15 + 16;
  constexpr int memory = 8;
  CHECK(deflateInit2(&stream, 6, Z_DEFLATED, gzip_window, memory, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes out(deflateBound(&stream, plain.size()) + 64);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  CHECK(result == Z_STREAM_END);
  return out;
}

void put_octal(char* at, size_t width, uint64_t value) {
  const std::string digits = fmt::format("{:0{}o}", value, width - 1);
  digits.copy(at, width - 1);
}

std::string pax_path(const std::string& path) {
  const std::string rest = " path=" + path + "\n";
  size_t length = rest.size() + 1;
  while (std::to_string(length).size() + rest.size() != length)
    length = std::to_string(length).size() + rest.size();
  return std::to_string(length) + rest;
}

}  // namespace

TarFile::Packing TarFile::packing_of(const base::Path& path) {
  const std::string name = path.filename().string();
  if (name.ends_with(".tar.zst")) return Packing::zstd;
  if (name.ends_with(".tar.gz") || name.ends_with(".tgz")) return Packing::gzip;
  throw Error(ErrorKind::invalid,
              fmt::format("'{}' does not say how it is to be compressed", path.string()),
              "end it with .tar.zst or .tar.gz");
}

TarFile::TarFile(const base::Path& path, base::Instant now)
    : path_(path),
      packing_(packing_of(path)),
      file_(base::File::open(path, O_WRONLY | O_CREAT | O_EXCL, 0600)),
      now_(now) {}

TarFile::~TarFile() {
  if (finished_) return;
  std::error_code failed;
  std::filesystem::remove(path_, failed);
}

void TarFile::flush(bool last) {
  while (buffer_.size() >= buffer_bytes || (last && !buffer_.empty())) {
    const size_t size = std::min(buffer_.size(), buffer_bytes);
    const ByteView piece = ByteView(buffer_).first(size);
    const Bytes packed =
        packing_ == Packing::zstd ? base::Compressor(3, true).compress(piece) : gzip(piece);
    file_.write_all(packed);
    written_ += packed.size();
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(size));
  }
}

void TarFile::put(ByteView plain) {
  base::append(buffer_, plain);
  flush(false);
}

void TarFile::header(const std::string& path, char type, uint64_t size) {
  char bytes[block] = {};
  std::memcpy(bytes, path.data(), std::min<size_t>(path.size(), 100));
  put_octal(bytes + 100, 8, 0644);
  put_octal(bytes + 108, 8, 0);
  put_octal(bytes + 116, 8, 0);
  put_octal(bytes + 124, 12, size);
  put_octal(bytes + 136, 12,
            static_cast<uint64_t>(std::max<int64_t>(
                0, std::chrono::floor<std::chrono::seconds>(now_).time_since_epoch().count())));
  std::memset(bytes + 148, ' ', 8);
  bytes[156] = type;
  std::memcpy(bytes + 257, "ustar", 6);
  std::memcpy(bytes + 263, "00", 2);
  uint64_t sum = 0;
  for (const char c : bytes) sum += static_cast<unsigned char>(c);
  put_octal(bytes + 148, 7, sum);
  bytes[154] = '\0';
  put(base::as_bytes(std::string_view(bytes, block)));
}

void TarFile::add(const std::string& path, ByteView content) {
  const auto with_content = [&](const std::string& name, char type, ByteView body) {
    header(name, type, body.size());
    put(body);
    put(Bytes((block - body.size() % block) % block));
  };
  if (path.size() > 100) with_content("pax", 'x', base::as_bytes(pax_path(path)));
  with_content(path, '0', content);
}

void TarFile::finish() {
  put(Bytes(2 * block));
  flush(true);
  file_.sync();
  const base::Path folder = std::filesystem::absolute(path_).parent_path();
  base::sync_folder(folder);
  finished_ = true;
}

}  // namespace app
