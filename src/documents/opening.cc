#include "documents/runbooks.h"

namespace documents {

void write_opening(const Facts& facts, Document& document) {
  document.paragraph("For " + strong(facts.policy.name) + ": the database " + code(facts.database) +
                     " on " + facts.server + ". Written on " +
                     minute_of(facts.now, facts.policy.timezone) + " on " + facts.host +
                     ". Run the commands on the database's host, as the user that PostgreSQL runs "
                     "as, with the policy named once. Where a line sets a name in capitals, the "
                     "value is an example: put yours there.");
  document.commands({"export SEAWALL_POLICY=" + shell_word(facts.policy_file)});
}

}  // namespace documents
