// Secrets that the policy says where to find: webhooks, keys, tokens.
#pragma once

#include "policy/secret_source.h"

namespace app {

// The secret itself, without the line's end. Read at each call, so that a new one is taken up.
// Throws absent when its variable or file is not there, invalid when it is empty or has a line
// break in it. `what` names it in messages, which never hold any of it.
std::string read_secret(const policy::SecretSource& source, const std::string& what);

}  // namespace app
