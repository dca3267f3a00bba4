// Data keys that were wrapped again for another key, so that the first one can be retired and no
// object is written anew: docs/formats/envelope.md, "Sidecars".
#pragma once

#include "base/time.h"
#include "crypto/key_wrapper.h"
#include "storage/object_store.h"

namespace repository {

inline constexpr std::string_view rewrapped_prefix = "rewrapped/";

// A name for the data key that a message is sealed by: 32 hexadecimal digits of the SHA-256 of its
// wrapped forms, the label left out. The same for all messages of one data key.
std::string data_key_name(const crypto::MessageHeader& header);

// What sidecars add to the wrapped forms in the header. `store` is the one with messages in it.
std::vector<crypto::EncryptedDataKey> read_rewrapped(storage::ObjectStore& store,
                                                     const crypto::MessageHeader& header,
                                                     std::stop_token stop);

struct RewrapReport {
  uint64_t objects = 0;     // whose headers were read
  uint64_t data_keys = 0;   // that they are sealed by
  uint64_t rewrapped = 0;   // of those, now
  uint64_t not_sealed = 0;  // objects that are no messages
};

// Reads the header of every object below `store` and writes a sidecar for each data key that `to`
// does not unwrap yet. `keys` opens them. Safe to be killed, and beside anything else. Throws
// denied, unavailable, corrupt.
RewrapReport rewrap(storage::ObjectStore& store, crypto::KeyWrapper& keys, crypto::KeyWrapper& to,
                    base::Instant now, std::stop_token stop);

}  // namespace repository
