// The one way things fail. A failure is an exception of class Error: its kind answers what callers
// ask (try again? absent? damaged?), its message reads as one sentence (lower case, no full stop,
// no secrets), its hint says what to do about it. Threads share nothing here.
#pragma once

#include <fmt/format.h>

#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace base {

enum class ErrorKind {
  invalid,      // what a person gave us cannot be right: policy, argument, target
  absent,       // the thing asked for is not there
  denied,       // a credential or permission does not allow it
  conflict,     // something else is there: other bytes under this name, a live server in this
                // directory
  unavailable,  // could not be done now; trying again may help
  corrupt,      // bytes that we or others wrote are not what they were
  full,         // no room left
  cancelled,    // we were asked to stop
};

std::string_view name(ErrorKind kind);

// The exit code of a command that ended with an error of this kind; docs/guide/exit-codes.md lists
// them.
int exit_code(ErrorKind kind);

class Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string message, std::string hint = {})
      : kind_(kind), message_(std::move(message)), hint_(std::move(hint)) {}

  ErrorKind kind() const { return kind_; }
  const std::string& message() const { return message_; }
  const std::string& hint() const { return hint_; }
  const char* what() const noexcept override { return message_.c_str(); }

  // The same failure, told with what we were doing: "uploading pack 3f: disk full".
  Error while_doing(std::string_view what) const;

 private:
  ErrorKind kind_;
  std::string message_;
  std::string hint_;
};

template <typename... Args>
Error error(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  return Error(kind, fmt::format(format, std::forward<Args>(args)...));
}

// Runs `work`; an Error that leaves it says what we were doing.
template <typename Work>
decltype(auto) while_doing(std::string_view what, Work&& work) {
  try {
    return std::forward<Work>(work)();
  } catch (const Error& failure) {
    throw failure.while_doing(what);
  }
}

// Runs `work`, which reads bytes that we or others wrote by what also reads a person's words: what
// is invalid in them is corrupt.
template <typename Work>
decltype(auto) corrupt_if_invalid(Work&& work) {
  try {
    return std::forward<Work>(work)();
  } catch (const Error& failure) {
    if (failure.kind() != ErrorKind::invalid) throw;
    throw Error(ErrorKind::corrupt, failure.message());
  }
}

// Throws the Error for `number` (an errno): ENOENT is absent, EACCES denied, ENOSPC full, the rest
// unavailable.
[[noreturn]] void throw_errno(std::string_view what, int number);
[[noreturn]] void throw_errno(std::string_view what);  // with errno as it is now

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace base

// For our own mistakes, in release builds too. Bytes from disk, network or a person are `corrupt`
// or `invalid` instead.
#define CHECK(condition) \
  (static_cast<bool>(condition) ? void(0) : ::base::check_failed(#condition, __FILE__, __LINE__))
