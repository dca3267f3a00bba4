// What the tests of this room share. Included by *_test.cc only.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string_view>

#include "base/error.h"
#include "policy/moment.h"

namespace policy {

inline base::Instant utc(std::string_view text) { return base::from_rfc3339(text); }

// The Error that `work` ends with; a failed test and an empty one if there is none.
template <typename Work>
base::Error error_of(Work&& work) {
  try {
    work();
  } catch (const base::Error& failure) {
    return failure;
  }
  ADD_FAILURE() << "no error where one is wanted";
  return base::Error(base::ErrorKind::cancelled, "");
}

}  // namespace policy
