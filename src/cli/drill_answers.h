// What `seawall drill` and its subcommands print.
#pragma once

#include "monitor/drills.h"
#include "policy/policy.h"

namespace cli {

void print_drill(const repository::DrillRecord& record, const policy::Zone& zone);
// 0 passed; else what ended it early, or 1.
int exit_code_of(const repository::DrillRecord& record);

void print_drills(const std::vector<repository::DrillRecord>& records,
                  const std::vector<repository::SignOff>& sign_offs, const policy::Zone& zone);
base::Json drills_json(const std::vector<repository::DrillRecord>& records,
                       const std::vector<repository::SignOff>& sign_offs);

struct DueAnswer {
  monitor::DrillsDue due;
  std::optional<repository::DrillKind> next;
};
void print_due(const DueAnswer& answer, const policy::Policy& policy);
base::Json to_json(const DueAnswer& answer);

}  // namespace cli
