#include "app/probe.h"

#include "base/error.h"
#include "cloud/write_once_probe.h"

namespace app {

using base::Error;
using base::ErrorKind;

namespace {

repository::StoreProbe probe(cloud::S3Store& store, base::Instant now, std::stop_token stop) {
  const cloud::WriteOnceReport report = cloud::probe_write_once(store, now, std::move(stop));
  repository::StoreProbe found{.url = report.url, .canary = report.canary, .steps = {}};
  for (const cloud::ProbeStep& step : report.steps)
    found.steps.push_back({step.what, std::string(cloud::name(step.outcome)), step.detail});
  return found;
}

void for_each_bucket(Context& context, const std::function<void(cloud::S3Store&)>& work) {
  const auto visit = [&](storage::ObjectStore& store) {
    if (auto* bucket = dynamic_cast<cloud::S3Store*>(&store)) work(*bucket);
  };
  visit(context.store());
  for (const policy::DumpTier& tier : context.policy().layers.dumps)
    visit(context.stored_dumps(tier.tier.name));
}

}  // namespace

void tidy_buckets(Context& context, base::Instant now, std::stop_token stop) {
  for_each_bucket(context, [&](cloud::S3Store& store) {
    try {
      store.abort_leftovers(now - std::chrono::hours(24), stop);
      store.remove_canaries(now - std::chrono::days(30), stop);
    } catch (const Error& failure) {
      // The dumps' bucket is none of the pruner's: there its own rules see to it.
      if (failure.kind() != ErrorKind::denied) throw;
    }
  });
}

repository::ProbeRecord probe_write_once(Context& context, std::stop_token stop) {
  repository::ProbeRecord record{.at = base::system_clock().now(), .stores = {}};
  for_each_bucket(context, [&](cloud::S3Store& store) {
    record.stores.push_back(probe(store, record.at, stop));
  });
  if (record.stores.empty()) {
    throw Error(ErrorKind::invalid, "the policy keeps nothing in a bucket",
                "a folder is written once as far as its owner lets it be: nothing proves it");
  }
  repository::put_probe(context.repository(stop), record, stop);
  return record;
}

int exit_code(const repository::ProbeRecord& record) {
  int worst = 0;
  for (const repository::StoreProbe& store : record.stores) {
    for (const repository::ProbeStepRecord& step : store.steps) {
      if (step.outcome == "lost" || step.outcome == "allowed") worst = 2;
      if (step.outcome == "unproven") worst = std::max(worst, 1);
    }
  }
  return worst;
}

}  // namespace app
