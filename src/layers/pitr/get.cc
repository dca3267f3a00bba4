#include "layers/pitr/get.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>

#include "base/error.h"
#include "base/task_group.h"

namespace layers {

using base::Error;
using base::ErrorKind;
using base::Json;
using base::member;
using base::Path;
using postgres::WalFileKind;
using postgres::WalFileName;
using repository::WalArchive;

namespace {

constexpr int first_trouble_status = 200;

struct Wanted {
  bool needed = false;  // by the plan
  bool is_last = false;
};

Wanted wanted_by(const GetPlan& plan, const WalFileName& name, uint64_t segment_bytes) {
  if (name.kind == WalFileKind::history)
    return {.needed = name.timeline == plan.timeline && plan.timeline.value > 1};
  if (name.kind != WalFileKind::segment) return {};
  const uint64_t number = postgres::parse_segment_name(name.text, segment_bytes).number;
  for (const WalLeg& leg : plan.legs) {
    if (leg.timeline != name.timeline || number < leg.first || number > leg.last) continue;
    return {.needed = true, .is_last = &leg == &plan.legs.back() && number == leg.last};
  }
  return {};
}

// Fetches under a temporary name and renames: a file that is there is whole.
bool fetch_to(const WalArchive& archive, const WalFileName& name, WalArchive::Partial partial,
              const Path& to, std::stop_token stop) {
  const Path temporary = to.string() + ".seawall";
  base::File file = base::File::open(temporary, O_WRONLY | O_CREAT | O_TRUNC);
  bool found = false;
  try {
    found = archive.fetch(
        name, partial, [&](base::ByteView piece) { file.write_all(piece); }, stop);
  } catch (...) {
    unlink(temporary.c_str());
    throw;
  }
  file.close();
  if (!found) {
    unlink(temporary.c_str());
    return false;
  }
  if (rename(temporary.c_str(), to.c_str()) != 0)
    base::throw_errno(fmt::format("renaming to {}", to.string()));
  return true;
}

}  // namespace

GetPlan get_plan_from(const RestorePlan& plan, Path policy, Path spool) {
  return {std::move(policy), plan.epoch.number,    plan.legs,
          plan.timeline,     plan.last_is_partial, std::move(spool)};
}

void write_get_plan(const GetPlan& plan, const Path& file) {
  Json legs = Json::array();
  for (const WalLeg& leg : plan.legs) {
    legs.push_back({{"timeline", leg.timeline.value}, {"first", leg.first}, {"last", leg.last}});
  }
  const Json json = {{"policy", plan.policy.string()},          {"epoch", plan.epoch.value},
                     {"timeline", plan.timeline.value},         {"legs", std::move(legs)},
                     {"last_is_partial", plan.last_is_partial}, {"spool", plan.spool.string()}};
  base::write_file_durably(file, base::as_bytes(json.dump(1) + "\n"));
}

GetPlan read_get_plan(const Path& file) {
  const Json json = base::parse_json(base::read_text_file(file), file.string());
  GetPlan plan{.policy = member<std::string>(json, "policy"),
               .epoch = {member<uint32_t>(json, "epoch")},
               .legs = {},
               .timeline = {member<uint32_t>(json, "timeline")},
               .last_is_partial = member<bool>(json, "last_is_partial"),
               .spool = member<std::string>(json, "spool")};
  for (const Json& leg : member<Json>(json, "legs")) {
    plan.legs.push_back({{member<uint32_t>(leg, "timeline")},
                         member<uint64_t>(leg, "first"),
                         member<uint64_t>(leg, "last")});
  }
  return plan;
}

namespace {
Path note_beside(const Path& plan_file) { return plan_file.string() + ".failure"; }
}  // namespace

void note_failure(const Path& plan_file, const Error& failure) {
  const Json json = {{"kind", base::exit_code(failure.kind())},
                     {"message", failure.message()},
                     {"hint", failure.hint()}};
  base::write_file_durably(note_beside(plan_file), base::as_bytes(json.dump() + "\n"));
}

std::optional<Error> noted_failure(const Path& plan_file) {
  const Path file = note_beside(plan_file);
  const std::optional<std::string> text = base::read_text_file_if_there(file);
  if (!text) return std::nullopt;
  const Json json = base::parse_json(*text, file.string());
  for (const ErrorKind kind : {ErrorKind::invalid, ErrorKind::denied, ErrorKind::absent,
                               ErrorKind::corrupt, ErrorKind::full}) {
    if (member<int>(json, "kind") != base::exit_code(kind)) continue;
    // What the plan needs and the archive has no more is a hole in the log.
    return Error(kind == ErrorKind::absent ? ErrorKind::corrupt : kind,
                 member<std::string>(json, "message"), member<std::string>(json, "hint"));
  }
  return Error(ErrorKind::unavailable, member<std::string>(json, "message"),
               member<std::string>(json, "hint"));
}

Path program_for_segments() {
  const Path self = std::filesystem::read_symlink("/proc/self/exe");
  const Path small = self.parent_path() / "seawall-wal";
  return access(small.c_str(), X_OK) == 0 ? small : self;
}

GetOutcome get_wal(const WalArchive& archive, const GetRequest& request, std::stop_token stop) {
  const std::optional<WalFileName> name = postgres::parse_wal_file_name(request.name);
  if (!name)
    throw base::error(ErrorKind::invalid, "'{}' is not the name of a WAL file", request.name);
  Wanted wanted{};
  if (request.plan != nullptr) {
    wanted = wanted_by(*request.plan, *name, archive.epoch().segment_bytes);
    if (take_from_spool(*request.plan, request.name, request.to)) return GetOutcome::fetched;
  }
  const bool zero_fill =
      request.plan == nullptr || (wanted.is_last && request.plan->last_is_partial);
  const auto partial = zero_fill ? WalArchive::Partial::zero_fill : WalArchive::Partial::refuse;
  if (base::while_doing(fmt::format("fetching {}", request.name),
                        [&] { return fetch_to(archive, *name, partial, request.to, stop); })) {
    return GetOutcome::fetched;
  }
  if (wanted.needed) {
    throw Error(ErrorKind::absent,
                fmt::format("{} is gone from the archive, and this restore needs it", request.name),
                "recovery must not end here: find out who removed it, then run the restore again");
  }
  return GetOutcome::absent;
}

bool take_from_spool(const GetPlan& plan, const std::string& name, const Path& to) {
  const Path from = plan.spool / name;
  if (rename(from.c_str(), to.c_str()) == 0) return true;
  if (errno == EXDEV && std::filesystem::exists(from)) {
    std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::remove(from);
    return true;
  }
  return false;
}

unsigned spooled(const GetPlan& plan) {
  unsigned count = 0;
  std::error_code failed;
  for (const std::filesystem::directory_entry& entry :
       std::filesystem::directory_iterator(plan.spool, failed)) {
    if (entry.path().filename().string().size() == 24) ++count;
  }
  return count;
}

void prefetch_wal(const WalArchive& archive, const GetPlan& plan, const std::string& name,
                  unsigned count, unsigned threads, std::stop_token stop) {
  const uint64_t size = archive.epoch().segment_bytes;
  const std::optional<WalFileName> current = postgres::parse_wal_file_name(name);
  if (!current || current->kind != WalFileKind::segment) return;
  const uint64_t after = postgres::parse_segment_name(name, size).number;
  std::vector<std::string> names;
  for (const WalLeg& leg : plan.legs) {
    for (uint64_t number = std::max(leg.first, after + 1);
         number <= leg.last && names.size() < count; ++number) {
      const bool partial = plan.last_is_partial && &leg == &plan.legs.back() && number == leg.last;
      if (!partial) names.push_back(postgres::WalSegment{leg.timeline, number}.name(size));
    }
  }
  std::atomic<size_t> next{0};
  base::TaskGroup tasks(stop);
  tasks.spawn("prefetch", threads, [&](std::stop_token own) {
    for (size_t i = next++; i < names.size(); i = next++) {
      if (std::filesystem::exists(plan.spool / names[i])) continue;
      fetch_to(archive, *postgres::parse_wal_file_name(names[i]), WalArchive::Partial::refuse,
               plan.spool / names[i], own);
    }
  });
  tasks.join();
}

int restore_command_status(ErrorKind kind) { return first_trouble_status + base::exit_code(kind); }

}  // namespace layers
