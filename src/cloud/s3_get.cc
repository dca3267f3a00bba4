// S3Client's reading of a range, which goes on where a body broke off.
#include "base/crc32c.h"
#include "base/error.h"
#include "cloud/hashes.h"
#include "cloud/s3_client.h"
#include "cloud/s3_error.h"

namespace cloud {

using base::ErrorKind;

namespace {

// "bytes 5-9/100" as 5 and 100; nothing where it is not that.
struct ContentRange {
  uint64_t offset = 0;
  uint64_t total = 0;
};
std::optional<ContentRange> parse_content_range(const std::string& text) {
  unsigned long long first = 0;
  unsigned long long last = 0;
  unsigned long long total = 0;
  if (std::sscanf(text.c_str(), "bytes %llu-%llu/%llu", &first, &last, &total) != 3)
    return std::nullopt;
  return ContentRange{first, total};
}

// What of the range has come, through as many answers as it takes.
class Reading {
 public:
  Reading(uint64_t offset, base::ByteSpan out) : offset_(offset), out_(out) {}

  bool is_whole() const { return done_ == out_.size(); }
  uint64_t done() const { return done_; }
  const std::string& version_id() const { return version_id_; }
  std::string range() const {
    return fmt::format("bytes={}-{}", offset_ + done_, offset_ + out_.size() - 1);
  }

  // A piece of an answer's body; `is_first` for the first of each answer.
  void take(const net::Response& head, base::ByteView piece, bool is_first) {
    if (is_first) begin(head);
    if (piece.size() > out_.size() - done_)
      throw base::Error(ErrorKind::corrupt, "the server sends more than it was asked for");
    std::copy(piece.begin(), piece.end(), out_.begin() + static_cast<ptrdiff_t>(done_));
    done_ += piece.size();
  }

  void require_checksum() const {
    if (crc32c_.empty()) return;
    const uint32_t crc = base::crc32c(out_);
    base::Bytes expected = from_base64(crc32c_);
    for (size_t i = 0; i < 4; ++i) {
      if (expected.size() != 4 || expected[i] != static_cast<std::byte>(crc >> (24 - 8 * i)))
        throw base::Error(ErrorKind::corrupt, "the bytes are not those of its checksum");
    }
  }

 private:
  void begin(const net::Response& head) {
    uint64_t total = out_.size();
    if (const auto text = head.headers.find("content-range")) {
      const auto range = parse_content_range(*text);
      if (!range || range->offset != offset_ + done_)
        throw base::Error(ErrorKind::corrupt, "the server sends another range than asked for");
      total = range->total;
    } else if (offset_ + done_ != 0) {
      throw base::Error(ErrorKind::corrupt, "the server does not know ranges");
    }
    const std::string etag = head.headers.find("etag").value_or("");
    if (done_ > 0 && etag != etag_)
      throw base::Error(ErrorKind::corrupt, "it became another object while it was read");
    etag_ = etag;
    version_id_ = head.headers.find("x-amz-version-id").value_or("");
    // Of the whole object only, and not one over the checksums of its parts ("...-3").
    const std::string crc = head.headers.find("x-amz-checksum-crc32c").value_or("");
    if (offset_ == 0 && total == out_.size() && crc.find('-') == std::string::npos) crc32c_ = crc;
  }

  const uint64_t offset_;
  const base::ByteSpan out_;
  uint64_t done_ = 0;
  std::string etag_;
  std::string version_id_;
  std::string crc32c_;
};

}  // namespace

std::string S3Client::get(const std::string& key, const std::string& version, uint64_t offset,
                          base::ByteSpan out, std::stop_token stop) {
  return base::while_doing(doing("GET", key), [&]() -> std::string {
    if (out.empty()) {
      const auto there = head(key, version, stop);
      if (!there) throw base::Error(ErrorKind::absent, "there is no such object");
      if (there->size < offset) throw base::Error(ErrorKind::corrupt, "the object ends before");
      return there->version_id;
    }
    Reading reading(offset, out);
    for (net::Retry retry(retries_);;) {
      const uint64_t done = reading.done();
      try {
        net::Request request = make("GET", key);
        if (!version.empty()) request.url.query = {{"versionId", version}};
        request.headers.set("Range", reading.range());
        if (offset == 0) request.headers.set("x-amz-checksum-mode", "ENABLED");
        bool is_first = true;
        request.sink = [&](const net::Response& head, base::ByteView piece) {
          reading.take(head, piece, std::exchange(is_first, false));
        };
        const net::Response answer = client_->send(request, unsigned_payload, stop);
        if (!answer.ok()) throw_s3(read_s3_failure(answer), "the server refuses");
        if (!reading.is_whole())
          throw base::error(ErrorKind::corrupt, "the object ends before byte {}",
                            offset + out.size());
        reading.require_checksum();
        return reading.version_id();
      } catch (const base::Error& failure) {
        if (failure.kind() != ErrorKind::unavailable) throw;
        if (reading.done() > done) retry.reset();
        if (!retry.wait(stop)) throw;
      }
    }
  });
}

}  // namespace cloud
