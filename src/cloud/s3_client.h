// S3's calls on one bucket, over any server that speaks it. Safe to share between threads.
//
// What may pass (throttling, 5xx, resets, stalls, truncated answers) is tried again with pauses
// drawn at random until the deadline; what is refused is thrown as s3_error.h says. A body that is
// sent carries a checksum that the server verifies before it answers: AWS takes CRC-32C; other
// servers mostly know Content-MD5 only, and get both. The payload itself is not part of the
// signature, but these headers are. docs/decisions.md says what was measured.
#pragma once

#include <functional>

#include "cloud/s3_listing.h"
#include "cloud/signed_client.h"
#include "net/retry.h"

namespace cloud {

enum class S3Addressing {
  automatic,  // virtual at AWS where the bucket's name is fit for it, else path
  path,       // https://host/bucket/key
  virtual_host,
};

struct S3Options {
  std::string bucket;
  std::optional<std::string> endpoint;  // a URL; before what environment and profile say
  std::optional<std::string> region;    // the same
  S3Addressing addressing = S3Addressing::automatic;
  std::string ca_file;  // PEM; empty: what environment and profile say, else the system's
  std::optional<std::string> profile;
  net::RetryLimits retries;
  net::Timeouts timeouts;
  Environment environment = process_environment;
  // Of another client, to be shared; empty: default_credentials().
  std::shared_ptr<CredentialStore> credentials;
};

// How an object is made, besides its bytes.
struct S3PutOptions {
  bool only_if_absent = false;  // If-None-Match: *
  net::Headers headers;         // x-amz-meta-..., encryption, locks: sent once for each object
};

struct S3PutAnswer {
  bool is_taken = false;   // 412: something is there already
  bool in_doubt = false;   // an attempt before the last may have been carried out
  std::string version_id;  // empty where the server named none
};

struct S3Head {
  uint64_t size = 0;
  std::string etag;
  base::Instant modified;
  std::string version_id;
  net::Headers headers;
};

struct S3Part {
  int number = 0;  // from 1
  std::string etag;
  std::string crc32c;  // base64
};

class S3Client {
 public:
  // Reads environment and profiles. Throws invalid, denied; sends nothing but, for a region that
  // nobody names, a question to the instance's metadata.
  explicit S3Client(S3Options options);

  const std::string& bucket() const { return bucket_; }
  bool is_aws() const { return is_aws_; }  // and not another server that speaks S3

  // --- objects; keys are whole, `version` may be empty ---
  S3PutAnswer put(const std::string& key, base::ByteView body, const S3PutOptions& options,
                  std::stop_token stop);
  // Nothing when it is absent, or its newest version is a delete marker.
  std::optional<S3Head> head(const std::string& key, const std::string& version,
                             std::stop_token stop);
  // Fills `out` from `offset`; a body that breaks off is asked for from there. Returns the id of
  // the version that was read. Throws absent; corrupt when the object ends before, or a checksum
  // of the whole object does not fit.
  std::string get(const std::string& key, const std::string& version, uint64_t offset,
                  base::ByteSpan out, std::stop_token stop);
  // Without a version, a versioned bucket gets a delete marker: then true.
  bool remove(const std::string& key, const std::string& version, std::stop_token stop);
  // In bytewise order of keys, which is verified: corrupt otherwise. `visit` returns false to end.
  void list(const std::string& prefix, const std::function<bool(const S3Entry&)>& visit,
            std::stop_token stop);
  // The same with all versions, of each key the newest first.
  void list_versions(const std::string& prefix, const std::function<bool(const S3Entry&)>& visit,
                     std::stop_token stop);

  // --- uploads in parts ---
  std::string begin_upload(const std::string& key, const S3PutOptions& options,
                           std::stop_token stop);
  S3Part put_part(const std::string& key, const std::string& upload_id, int number,
                  base::ByteView body, std::stop_token stop);
  // A racing writer (409) counts as `is_taken` and `in_doubt`, for he may yet fail; so does an
  // upload that is gone after an attempt whose reply was lost.
  S3PutAnswer complete_upload(const std::string& key, const std::string& upload_id,
                              const std::vector<S3Part>& parts, bool only_if_absent,
                              std::stop_token stop);
  void abort_upload(const std::string& key, const std::string& upload_id, std::stop_token stop);
  void list_uploads(const std::string& prefix, const std::function<bool(const S3Upload&)>& visit,
                    std::stop_token stop);

  // --- everything else: sub-resources of bucket ("" as key) and objects ---
  // One call, tried again while that may help; whatever the answer's status then is, it is the
  // caller's to judge (read_s3_failure, throw_s3). A body is sent with its Content-MD5.
  net::Response request(const std::string& method, const std::string& key,
                        const std::vector<std::pair<std::string, std::string>>& query,
                        base::ByteView body, const net::Headers& headers, std::stop_token stop);

  // The server's clock, in whole seconds.
  base::Instant now(std::stop_token stop);

  // "GET a/b in s3://bucket": for messages.
  std::string doing(std::string_view method, const std::string& key) const;

 private:
  struct Sent {
    net::Response answer;
    bool in_doubt = false;
  };
  net::Request make(const std::string& method, const std::string& key) const;
  // Sends until the answer is none that is_passing(), or the limits are reached.
  Sent send(const net::Request& request, const std::string& key, std::stop_token stop,
            bool conflicts_pass = true);
  net::Response send_or_throw(const net::Request& request, const std::string& key,
                              std::stop_token stop);
  void require_encrypted(const net::Request& request, const net::Response& answer) const;
  void add_checksums(net::Request& request, base::ByteView body) const;
  S3Page versions_page(const std::string& prefix, const S3Page& before, std::stop_token stop);

  std::string bucket_;
  net::Url place_;  // of the bucket: ends where a key starts
  bool is_aws_ = false;
  net::RetryLimits retries_;
  std::optional<SignedClient> client_;
};

}  // namespace cloud
