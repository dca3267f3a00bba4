// What a test says of failures. Included by tests only.
#pragma once

#include <gtest/gtest.h>

#include "base/error.h"

namespace testing {

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

// Whether `work` throws an Error of this kind.
template <typename Work>
AssertionResult throws(base::ErrorKind kind, Work&& work) {
  try {
    work();
  } catch (const base::Error& failure) {
    if (failure.kind() == kind) return AssertionSuccess();
    return AssertionFailure() << "an error that is " << base::name(failure.kind()) << ", not "
                              << base::name(kind) << ": " << failure.message();
  }
  return AssertionFailure() << "no error where one that is " << base::name(kind) << " is wanted";
}

}  // namespace testing

// That an expression throws an Error of this kind.
#define EXPECT_ERROR(kind, ...) \
  EXPECT_TRUE(::testing::throws(base::ErrorKind::kind, [&] { (void)__VA_ARGS__; }))
