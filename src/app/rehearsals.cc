#include "app/rehearsals.h"

#include "repository/drill_record.h"

namespace app {

namespace {

constexpr size_t newest_max = 100;  // of each kind

}  // namespace

void read_rehearsals(const repository::Repository& repository, documents::Evidence& evidence,
                     std::stop_token stop) {
  for (const repository::DrillRecord& drill :
       repository::read_drills(repository, newest_max, stop)) {
    evidence.rehearsals.push_back({.kind = std::string(repository::name(drill.kind)),
                                   .at = drill.started,
                                   .passed = drill.passed,
                                   .rto = drill.rto,
                                   .rpo = drill.rpo,
                                   .why = drill.failure()});
  }
  for (const repository::SignOff& one : repository::read_sign_offs(repository, stop)) {
    evidence.sign_offs.push_back(
        {.quarter = one.quarter, .by = one.by, .at = one.at, .note = one.note});
  }
}

}  // namespace app
