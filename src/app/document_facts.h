// Reads what documents are written from.
#pragma once

#include "app/context.h"
#include "documents/facts.h"

namespace app {

// All but the evidence; needs nothing but the policy. Borrows the context's policy.
documents::Facts document_facts(const Context& context, base::Instant now);

// Reads the evidence into `facts`. Throws what reading throws.
void read_evidence(Context& context, documents::Facts& facts, std::stop_token stop);
// The same; what cannot be read is told in `facts` instead. Throws cancelled.
void read_evidence_if_possible(Context& context, documents::Facts& facts, std::stop_token stop);

}  // namespace app
