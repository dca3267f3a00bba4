#include "schedule/task.h"

namespace schedule {

using base::Error;
using base::ErrorKind;

Task::Task(std::function<void(std::stop_token)> work)
    : thread_([this, work = std::move(work)](const std::stop_token& stop) {
        try {
          work(stop);
        } catch (const Error& failure) {
          failure_ = failure;
        } catch (const std::exception& failure) {
          failure_ = Error(ErrorKind::unavailable, failure.what());
        }
        ended_ = true;
      }) {}

Task::~Task() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

std::optional<Error> Task::failure() const { return ended_ ? failure_ : std::nullopt; }

}  // namespace schedule
