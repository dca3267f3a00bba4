// What a drill rehearses, found and opened: the moment, the snapshot, the dump or its copy, and
// what the restored database is compared with.
#pragma once

#include "app/drill_run.h"

namespace app {

class DrillSubject {
 public:
  // Borrows all three.
  DrillSubject(Context& context, const repository::Repository& repository,
               const DrillRequest& request)
      : context_(context), repository_(repository), request_(request) {}

  // Finds what the record's kind asks for and rehearses it. Throws as drill::rehearse(), and absent
  // when there is none of it yet.
  void rehearse(const drill::Terms& terms, repository::DrillRecord& record,
                drill::Progress& progress, std::stop_token stop);

 private:
  layers::PlanRequest plan_for(repository::DrillRecord& record, const std::stop_token& stop);
  layers::TargetTime random_moment(const repository::Epoch& epoch, postgres::Timeline timeline,
                                   repository::DrillRecord& record, const std::stop_token& stop);
  layers::TargetSnapshot newest_weekly(const repository::Epoch& epoch, const std::stop_token& stop);
  void rehearse_dump(const drill::Terms& terms, repository::DrillRecord& record,
                     drill::Progress& progress, const std::stop_token& stop);
  const policy::DumpTier& tier_for(repository::DrillKind kind) const;
  int major_for(repository::DrillKind kind, const repository::DumpRecord& dump) const;
  std::optional<drill::Reference> reference_at(base::Instant moment,
                                               repository::DrillRecord& record,
                                               const std::stop_token& stop);

  Context& context_;
  const repository::Repository& repository_;
  const DrillRequest& request_;
};

}  // namespace app
