#include "app/carried_policy.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "app/dump_run.h"
#include "app/snapshot_run.h"
#include "base/error.h"
#include "base/log.h"

namespace app {

using base::Duration;
using base::Error;
using base::ErrorKind;
using base::Instant;
using policy::DueRun;
using policy::TieredLayer;
using schedule::Task;

namespace {

constexpr Duration file_every = std::chrono::seconds(5);
constexpr uint64_t file_bytes_max = base::MiB;
constexpr Duration look_again = std::chrono::seconds(10);
constexpr Duration look_again_max = std::chrono::minutes(1);
constexpr uint64_t memory_bytes_max = 64 * base::MiB;
constexpr Duration look_hangs_after = std::chrono::minutes(15);
// A run that takes so many times its finish_within is asked to end: it may hold up others.
constexpr int run_length_max = 4;
constexpr Duration run_length_least = std::chrono::hours(1);

std::string told(const Error& failure) {
  return failure.hint().empty() ? failure.message() : failure.message() + "; " + failure.hint();
}

std::string describe(const DueRun& run) {
  std::vector<std::string> tiers;
  for (const DueRun::Ticket& ticket : run.tickets) tiers.push_back(ticket.tier);
  return fmt::format("{} {} of {}", policy::name(run.layer), fmt::join(tiers, ", "),
                     base::to_rfc3339(run.slot));
}

}  // namespace

// ---- a run in its thread

struct CarriedPolicy::Run {
  // Written by the thread, read by the loop.
  struct Progress {
    layers::SnapshotProgress snapshot;
    layers::DumpProgress dump;
    ReplicaProgress copying;
    std::string result;  // read once the task has ended
  };
  DueRun due;
  Instant begun;
  Duration finish_within{};
  bool late = false;
  std::shared_ptr<Progress> progress;  // shared with the task
  std::unique_ptr<Task> task;

  std::string phase() const {
    return due.layer == TieredLayer::snapshots ? progress->snapshot.phase.load()
                                               : progress->dump.phase.load();
  }
};

namespace {

// A claim that another has is a conflict, and nothing to worry about. That the server is another
// cluster than the repository's is.
void require_our_cluster(Context& context, const std::stop_token& stop) {
  provider::NativeCluster cluster = context.cluster();
  try {
    context.repository(stop).epoch_for(cluster.identity(), stop);
  } catch (const Error& failure) {
    if (failure.kind() != ErrorKind::conflict) throw;
    throw Error(ErrorKind::invalid, failure.message(), failure.hint());
  }
}

// What came of it, for people; empty: the slot had its result already.
std::string carry_out(const PolicyText& text, const DueRun& due, layers::SnapshotProgress& snapshot,
                      layers::DumpProgress& dump, ReplicaProgress& copying,
                      const std::stop_token& stop) {
  Context context(text.file, text.policy);
  context.hold_back(text.caps);
  const Slot slot = slot_of(text.policy, due);
  if (due.layer == TieredLayer::snapshots) {
    require_our_cluster(context, stop);
    const auto root = run_snapshot(context, slot, snapshot, stop);
    if (!root) return "";
    return fmt::format("{} in {} files, {} of it new, {} added to the repository",
                       base::human_bytes(root->totals.bytes), root->totals.files,
                       base::human_bytes(root->totals.new_bytes),
                       base::human_bytes(root->totals.stored_bytes));
  }
  const DumpOutcome outcome = run_dump(
      context, {.slot = slot, .like = "", .again = false, .programs = {}}, dump, copying, stop);
  std::string result;
  if (outcome.record) {
    result = fmt::format("{}, {}, {} rows", outcome.record->name.text(),
                         base::human_bytes(outcome.record->size), outcome.record->rows());
  }
  if (outcome.replica && !outcome.replica->failed.empty()) {
    base::warn("dumps {} are not copied to {}: {}", slot.tiers[0], outcome.replica->url,
               fmt::join(outcome.replica->failed, "; "));
  }
  return result;
}

}  // namespace

// ---- a look in its thread

struct CarriedPolicy::Looking {
  schedule::RunQueue::Look number = 0;
  Instant begun;
  bool hangs = false;
  std::shared_ptr<schedule::Offer> found =
      std::make_shared<schedule::Offer>();  // shared with the task
  std::unique_ptr<Task> task;
};

CarriedPolicy::CarriedPolicy(base::Path file, bool even_if_broken, Fits fits, schedule::Gate& gate,
                             const DaemonPlugs& plugs, bool once, Instant now)
    : file_(std::move(file)),
      fits_(std::move(fits)),
      plugs_(plugs),
      once_(once),
      queue_(gate, std::chrono::minutes(1)),
      memory_(std::make_shared<storage::ReadMemory>(memory_bytes_max)),
      findings_(std::make_shared<std::pair<std::mutex, std::vector<monitor::Finding>>>()) {
  try {
    take_up(base::read_text_file(file_, file_bytes_max), now);
  } catch (const Error& failure) {
    if (!even_if_broken) throw;
    break_with(failure, now);
  }
  file_looked_ = now;
}

CarriedPolicy::~CarriedPolicy() = default;

// ---- the file

void CarriedPolicy::take_up(std::string text, Instant now) {
  policy::Policy policy = policy::parse(text, file_.string());
  fits_(policy);
  Caps caps = caps_of(policy.limits);
  const auto taken_up = std::make_shared<const PolicyText>(PolicyText{.file = file_,
                                                                      .text = std::move(text),
                                                                      .policy = std::move(policy),
                                                                      .caps = std::move(caps)});
  std::unique_ptr<schedule::Rounds> rounds = make_rounds(taken_up);
  // Nothing of what follows can fail: there is no half of a new policy.
  if (rounds_) {
    rounds_->stop();
    old_rounds_.push_back(std::move(rounds_));
  }
  rounds_ = std::move(rounds);
  text_ = taken_up;
  loaded_ = now;
  forget_breakage();
  new_text_.reset();
  queue_.set_retry_after(text_->policy.run.retry_after);
  queue_.offer(queue_.begin_look(), {});  // what was offered is of the policy before
  next_look_ = now;
}

void CarriedPolicy::forget_breakage() {
  broken_.clear();
  broken_text_.reset();
  broken_since_.reset();
}

std::unique_ptr<schedule::Rounds> CarriedPolicy::make_rounds(
    std::shared_ptr<const PolicyText> text) const {
  std::vector<schedule::Round> rounds = rounds_of(text, !once_);
  if (plugs_.rounds) {
    const auto own_findings = [findings = findings_] {
      const std::lock_guard lock(findings->first);
      return findings->second;
    };
    for (schedule::Round& round : plugs_.rounds(text, own_findings))
      rounds.push_back(std::move(round));
  }
  return std::make_unique<schedule::Rounds>(std::move(rounds), text->policy.timezone);
}

void CarriedPolicy::break_with(const Error& failure, Instant now) {
  if (!broken_since_) broken_since_ = now;
  if (broken_ != failure.message()) {
    base::alarm("{} cannot be used, {}: {}", file_.string(),
                text_ ? "and the version before is still carried out" : "and nothing of it is done",
                told(failure));
  }
  broken_ = failure.message();
}

// An editor may be half way through: a new text is taken up when it is found twice.
void CarriedPolicy::watch_file(Instant now) {
  if (once_ || (file_looked_ && now - *file_looked_ < file_every && now >= *file_looked_)) return;
  file_looked_ = now;
  try {
    std::string text = base::read_text_file(file_, file_bytes_max);
    if (text_ && text == text_->text) {
      if (!broken_.empty()) {
        base::info("{} is again what it was", file_.string());
        forget_breakage();
      }
      new_text_.reset();
    } else if (text == broken_text_) {
      return;  // told already
    } else if (text != new_text_) {
      new_text_ = std::move(text);
    } else {
      reload(now);
    }
  } catch (const Error& failure) {
    break_with(failure, now);
  }
}

void CarriedPolicy::reload(Instant now) {
  std::string text;
  try {
    text = base::read_text_file(file_, file_bytes_max);
    if (text_ && text == text_->text && broken_.empty()) return;
    take_up(text, now);
    base::info("{}: the policy {} is read anew", file_.string(), text_->policy.name);
  } catch (const Error& failure) {
    broken_text_ = std::move(text);
    new_text_.reset();
    break_with(failure, now);
  }
}

// ---- what is due

void CarriedPolicy::turn_look(Instant now) {
  if (looking_) {
    if (looking_->task->ended()) {
      note_look(now);
      looking_.reset();
    } else if (!looking_->hangs && now - looking_->begun > look_hangs_after) {
      looking_->hangs = true;
      unreachable_ =
          fmt::format("the store has not answered since {}", base::to_rfc3339(looking_->begun));
      base::alarm("{}: {}", text_->policy.name, unreachable_);
    }
    return;
  }
  // A clock that was put back makes us look, too: what is next was told by another one.
  const bool put_back = looked_ && now < *looked_ - look_again_max;
  if (ending_ || !text_ || (next_look_ && now < *next_look_ && !put_back)) return;
  looking_ = std::make_unique<Looking>();
  looking_->number = queue_.begin_look();
  looking_->begun = now;
  looking_->task = std::make_unique<Task>(
      [text = text_, now, found = looking_->found, memory = memory_](const std::stop_token& stop) {
        Context context(text->file, text->policy);
        context.remember(memory);
        *found = look(context, *text, now, stop);
      });
}

void CarriedPolicy::note_look(Instant now) {
  if (const std::optional<Error> failure = looking_->task->failure()) {
    if (failure->kind() == ErrorKind::cancelled) return;
    note_failure(*failure);
    if (unreachable_ != failure->message())
      base::alarm("{}: looking at what is due: {}", text_->policy.name, told(*failure));
    unreachable_ = failure->message();
    ++looks_failed_;
    next_look_ = now + std::min(look_again * looks_failed_, look_again_max);
    return;
  }
  if (!unreachable_.empty()) base::info("{}: the store answers again", text_->policy.name);
  unreachable_.clear();
  looks_failed_ = 0;
  looked_ = now;
  // What it found may be of the policy before.
  const bool taken = queue_.offer(looking_->number, *looking_->found);
  next_look_ = taken ? queue_.next_look(now) : now;
}

void CarriedPolicy::start_runs(Instant now) {
  for (const DueRun& due : queue_.choose(now)) {
    Run& run = runs_.emplace_back();
    run.due = due;
    run.begun = now;
    for (const Slot::Row& row : slot_of(text_->policy, due).rows)
      run.finish_within = std::max(run.finish_within, row.finish_within);
    run.progress = std::make_shared<Run::Progress>();
    base::info("{}: {}: begun, attempt {}", text_->policy.name, describe(due),
               due.tickets[0].attempt);
    run.task = std::make_unique<Task>(
        [text = text_, due, progress = run.progress](const std::stop_token& stop) {
          progress->result =
              carry_out(*text, due, progress->snapshot, progress->dump, progress->copying, stop);
        });
  }
}

void CarriedPolicy::note_run(Run& run, Instant now) {
  const std::string name = text_->policy.name;
  const std::optional<Error> failure = run.task->failure();
  const std::string took = base::human_duration(std::max(now - run.begun, Duration{}));
  const bool cancelled = failure && failure->kind() == ErrorKind::cancelled;
  const bool lost = failure ? failure->kind() == ErrorKind::conflict : run.progress->result.empty();
  if (!failure) {
    base::info("{}: {}: {}", name, describe(run.due),
               lost ? "it is there already" : "done in " + took + ": " + run.progress->result);
  } else if (cancelled) {
    base::warn("{}: {}: given up when told to, after {}", name, describe(run.due), took);
  } else if (lost) {
    base::info("{}: {}: {}", name, describe(run.due), failure->message());
  } else {
    base::alarm("{}: {}: failed after {}: {}", name, describe(run.due), took, told(*failure));
    note_failure(*failure);
  }
  if (!lost && !cancelled) {
    for (const DueRun::Ticket& ticket : run.due.tickets) {
      RunCounts& counts = counts_[{run.due.layer, ticket.tier}];
      counts.tier = {run.due.layer, ticket.tier};
      ++(failure ? counts.failed : counts.well);
    }
  }
  queue_.ended(run.due, cancelled ? schedule::RunEnd::cancelled : schedule::RunEnd::over, now);
  next_look_ = now;
}

void CarriedPolicy::watch_length(Run& run, Instant now) const {
  const Duration length = now - run.begun;
  if (!run.late && length > run.finish_within) {
    run.late = true;
    base::alarm("{}: {}: not ended after {}, it is at \"{}\"", text_->policy.name,
                describe(run.due), base::human_duration(length), run.phase());
  }
  if (length > std::max(run_length_max * run.finish_within, run_length_least) &&
      !run.task->stop_requested()) {
    base::alarm("{}: {}: asked to end after {}", text_->policy.name, describe(run.due),
                base::human_duration(length));
    run.task->request_stop();
  }
}

void CarriedPolicy::note_failure(const Error& failure) {
  if (!first_failure_) first_failure_ = failure.kind();
}

// ---- a turn

void CarriedPolicy::turn(Instant now) {
  if (!ending_) watch_file(now);
  std::erase_if(runs_, [&](Run& run) {
    if (!run.task->ended()) {
      watch_length(run, now);
      return false;
    }
    note_run(run, now);
    return true;
  });
  turn_look(now);
  const bool looks = looking_ || (next_look_ && *next_look_ <= now);
  if (!ending_ && text_ && !looks && unreachable_.empty()) start_runs(now);
  if (rounds_) rounds_->turn(now);
  std::erase_if(old_rounds_, [&](const auto& rounds) { return rounds->idle(now); });
  const std::vector<monitor::Finding> findings = judge(state());
  const std::lock_guard lock(findings_->first);
  findings_->second = findings;
}

void CarriedPolicy::begin_end() {
  ending_ = true;
  if (rounds_) rounds_->stop();
  if (looking_) looking_->task->request_stop();
}

void CarriedPolicy::cancel() {
  for (Run& run : runs_) run.task->request_stop();
}

bool CarriedPolicy::done(Instant now) const {
  const bool looked = looked_ || looks_failed_ > 0 || !text_;
  return looked && idle() && (!next_look_ || *next_look_ > now) && !queue_.waits_for_room(now);
}

bool CarriedPolicy::idle() const {
  const auto working = [](const std::unique_ptr<schedule::Rounds>& rounds) {
    return rounds && std::ranges::any_of(rounds->states(), &schedule::RoundState::working);
  };
  return runs_.empty() && !looking_ && !working(rounds_) &&
         std::ranges::none_of(old_rounds_, working);
}

PolicyState CarriedPolicy::state() const {
  PolicyState state{.name = text_ ? text_->policy.name : "",
                    .file = file_.string(),
                    .loaded = loaded_,
                    .broken = broken_,
                    .broken_since = broken_since_,
                    .looked = looked_,
                    .unreachable = unreachable_,
                    .runs = {},
                    .counts = {},
                    .rounds = {}};
  for (const Run& run : runs_) {
    RunState& one = state.runs.emplace_back();
    one.layer = run.due.layer;
    for (const DueRun::Ticket& ticket : run.due.tickets) one.tiers.push_back(ticket.tier);
    one.slot = run.due.slot;
    one.begun = run.begun;
    one.phase = run.phase();
    one.late = run.late;
    one.stopped = run.task->stop_requested();
  }
  for (const auto& [tier, counts] : counts_) state.counts.push_back(counts);
  if (rounds_) state.rounds = rounds_->states();
  return state;
}

std::optional<ErrorKind> CarriedPolicy::first_failure() const {
  if (first_failure_ || !rounds_) return first_failure_;
  for (const schedule::RoundState& round : rounds_->states()) {
    if (round.kind) return round.kind;
  }
  return std::nullopt;
}

std::vector<monitor::Finding> CarriedPolicy::findings() const {
  const std::lock_guard lock(findings_->first);
  return findings_->second;
}

}  // namespace app
