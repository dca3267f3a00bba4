// The runbooks that the strategy refers to, with this policy's own places, times and commands in
// them. Pure. They can be written without evidence: when the store is away is when one is needed.
#pragma once

#include "documents/facts.h"

namespace documents {

Document restore_drill(const Facts& facts);    // "runbooks/restore-drill"
Document secret_rotation(const Facts& facts);  // "runbooks/secret-rotation"
Document incident(const Facts& facts);  // "runbooks/incident"; sections: monitor/runbook_sections.h
Document retention_policy(const Facts& facts);  // "docs/retention-policy"

// What each begins with: who runs its commands, and with which policy.
void write_opening(const Facts& facts, Document& document);

}  // namespace documents
