#include "drill/deadline.h"

#include "base/task_group.h"

namespace drill {

Deadline::Deadline(base::Duration limit, const std::stop_token& outer)
    : outer_(outer, [this] { stop_.request_stop(); }),
      timer_([this, limit](const std::stop_token& ended) {
        if (!base::sleep_for(limit, ended) || stop_.stop_requested()) return;
        passed_ = true;
        stop_.request_stop();
      }) {}

}  // namespace drill
