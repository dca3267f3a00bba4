// What each role may do, as the services take it: IAM and bucket policies, key policies, and the
// rights of Postgres's roles, from the templates in iam_documents/ and what the policy names.
#pragma once

#include <map>

#include "policy/policy.h"

namespace app {

// The templates of iam_documents/, by name; compiled in.
const std::map<std::string, std::string>& iam_templates();

struct IamOptions {
  std::string account;  // of AWS; empty where no document needs it
  std::string partition = "aws";
  std::string key;          // ARN of the KMS key; empty: the policy's, where that is one
  std::string replica_key;  // the same of the replica's
  std::map<std::string, std::string> principals;  // by role; without one, NAME-backup-ROLE's ARN
};

// The document of this name for this policy. Throws invalid for a name that there is not, and when
// the policy and the options do not say all that it needs.
std::string iam_document(const policy::Policy& policy, const IamOptions& options,
                         const std::string& name);

// The statements that make a role of Postgres able to do what the policy asks, and no more.
std::string postgres_rights(const policy::Policy& policy, const std::string& database, int major);

}  // namespace app
