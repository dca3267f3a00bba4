// Credentials in JSON, as containers, instances and programs give them.
#pragma once

#include <string_view>

#include "cloud/signing.h"

namespace cloud {

// Members AccessKeyId, SecretAccessKey, the one named `token_member` and Expiration; the last two
// may be missing. Throws corrupt; no message holds anything of the text.
Credentials parse_credentials(std::string_view text, const char* token_member);

}  // namespace cloud
