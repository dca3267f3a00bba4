#include "app/push_server.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "layers/pitr/push.h"

namespace app {

using base::Error;
using base::ErrorKind;
using base::Path;

namespace {

// Opened anew after this, so that what changed beside the policy (a key service's answers, files
// that keys are in) is seen.
constexpr base::Duration opened_for = std::chrono::minutes(5);

bool owns(uid_t user, const Path& folder) {
  struct stat status {};
  return ::stat(folder.c_str(), &status) == 0 && status.st_uid == user;
}

// Who may have us read a file and store it.
bool is_trusted(uid_t user, const policy::Policy& policy, const Path& file) {
  if (user == 0 || user == geteuid()) return true;
  if (!policy.database.data_directory) return false;
  const Path data = *policy.database.data_directory;
  std::error_code failed;
  return owns(user, data) &&
         std::filesystem::equivalent(file.parent_path().parent_path(), data, failed);
}

}  // namespace

// ---- an open repository

struct OpenForPushes::Opened {
  explicit Opened(const PolicyText& policy) : context(policy.file, policy.policy) {
    context.give_up_after(push_deadline);
  }
  Context context;
  std::optional<repository::Repository> repository;
  base::Stopwatch since;
};

std::shared_ptr<OpenForPushes::Opened> OpenForPushes::opened(const std::stop_token& stop) {
  const std::lock_guard lock(mutex_);
  if (opened_ && opened_->since.elapsed() < opened_for) return opened_;
  opened_.reset();
  auto fresh = std::make_shared<Opened>(*policy_);
  fresh->repository = fresh->context.repository(stop);
  opened_ = fresh;
  return fresh;
}

void OpenForPushes::push(const Path& file, const std::stop_token& stop) {
  const std::shared_ptr<Opened> open = opened(stop);
  try {
    layers::push_wal(*open->repository, file, {}, stop);
  } catch (const Error&) {
    const std::lock_guard lock(mutex_);
    if (opened_ == open) opened_.reset();  // the next begins with nothing remembered
    throw;
  }
}

// ---- the server

PushServer::PushServer(Path socket, std::string environment)
    : environment_(std::move(environment)),
      server_(std::move(socket), [this](net::LocalConnection& connection,
                                        const std::stop_token& stop) { serve(connection, stop); }) {
}

void PushServer::carry(const std::vector<std::shared_ptr<const PolicyText>>& policies) {
  std::map<std::string, Known> now;
  for (const auto& policy : policies) {
    std::error_code failed;
    const std::string key = std::filesystem::canonical(policy->file, failed).string() + '\n' +
                            push_digest(policy->text, environment_);
    const std::lock_guard lock(mutex_);
    const auto known = known_.find(key);
    const bool same = known != known_.end() && &known->second->policy() == policy.get();
    now[key] = same ? known->second : std::make_shared<OpenForPushes>(policy);
  }
  const std::lock_guard lock(mutex_);
  known_.swap(now);
}

PushServer::Counts PushServer::counts() const { return {stored_, failed_, declined_}; }

PushServer::Known PushServer::find(const net::LocalConnection& connection,
                                   const PushRequest& request, std::string& why) const {
  if (request.version != push_version) {
    why = fmt::format("it speaks version {}", push_version);
    return nullptr;
  }
  Known known;
  {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(request.policy + '\n' + request.digest);
    if (found != known_.end()) known = found->second;
  }
  if (!known) {
    why = "it does not carry out this policy with these variables";
    return nullptr;
  }
  const std::optional<uid_t> peer = connection.peer();
  if (!peer || !is_trusted(*peer, known->policy().policy, request.file)) {
    why = "it does not work for this user";
    return nullptr;
  }
  return known;
}

void PushServer::note_failure(const OpenForPushes& known, const Error& failure) {
  ++failed_;
  const std::lock_guard lock(mutex_);
  if (told_ != failure.message())
    base::alarm("{}: {}", known.policy().policy.name, failure.message());
  told_ = failure.message();
}

void PushServer::serve(net::LocalConnection& connection, const std::stop_token& stop) {
  const std::optional<std::string> line = connection.read_line(push_taken_within, stop);
  if (!line) return;
  const std::optional<PushRequest> request = parse_request(*line);
  std::string why = "this is no request";
  Known known;
  if (request) known = find(connection, *request, why);
  if (!known) {
    ++declined_;
    base::debug("a push is declined: {}", why);
    connection.send_line(declined_line(why), push_taken_within, stop);
    return;
  }
  if (!connection.send_line(taken_line(), push_taken_within, stop)) return;
  const std::string name = Path(request->file).filename().string();
  std::string answer;
  try {
    known->push(request->file, stop);
    ++stored_;
    base::debug("{}: {} is archived", known->policy().policy.name, name);
    const std::lock_guard lock(mutex_);
    if (!told_.empty()) base::info("{}: archiving goes on", known->policy().policy.name);
    told_.clear();
    answer = stored_line();
  } catch (const Error& failure) {
    answer = failed_line(failure);
    if (failure.kind() != ErrorKind::cancelled) note_failure(*known, failure);
  }
  // Not stopped by the daemon's end: who waits has to know.
  connection.send_line(answer, push_taken_within, {});
}

}  // namespace app
