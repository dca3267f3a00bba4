#include "app/push_client.h"

#include "base/task_group.h"
#include "net/local_socket.h"

namespace app {

using base::ErrorKind;

namespace {

// Whether we would not fare better: it is about the file or the store, and not about the daemon.
bool is_final(ErrorKind kind) {
  return kind == ErrorKind::conflict || kind == ErrorKind::invalid ||
         kind == ErrorKind::unavailable || kind == ErrorKind::full;
}

}  // namespace

bool push_by_daemon(const base::Path& socket, const PushOrder& order, std::string& why,
                    const std::stop_token& stop) {
  std::optional<net::LocalConnection> daemon = net::connect_local(socket);
  if (!daemon) {
    why = "no daemon listens at " + socket.string();
    return false;
  }
  std::error_code failed;
  const PushRequest request{
      .policy = std::filesystem::canonical(order.policy_file, failed).string(),
      .digest = push_digest(order.policy_text, order.environment),
      .file = std::filesystem::absolute(order.file).string()};
  std::optional<std::string> answer;
  if (daemon->send_line(request_line(request), push_taken_within, stop))
    answer = daemon->read_line(push_taken_within, stop);
  base::throw_if_stopped(stop);
  if (!answer) {
    why = "the daemon does not answer";
    return false;
  }
  if (const std::optional<std::string> declined = why_declined(*answer)) {
    why = "the daemon declines: " + *declined;
    return false;
  }
  answer = daemon->read_line(push_done_within, stop);
  base::throw_if_stopped(stop);
  std::optional<PushResult> result;
  if (answer) result = parse_result(*answer);
  if (!result) {
    why = "the daemon took it, and then said nothing";
    return false;
  }
  if (!result->failure) return true;
  if (is_final(result->failure->kind())) throw *result->failure;
  why = "the daemon could not: " + result->failure->message();
  return false;
}

}  // namespace app
