#include "base/error.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace base {

std::string_view name(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid:
      return "invalid";
    case ErrorKind::absent:
      return "absent";
    case ErrorKind::denied:
      return "denied";
    case ErrorKind::conflict:
      return "conflict";
    case ErrorKind::unavailable:
      return "unavailable";
    case ErrorKind::corrupt:
      return "corrupt";
    case ErrorKind::full:
      return "full";
    case ErrorKind::cancelled:
      return "cancelled";
  }
  return "unknown";
}

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid:
      return 2;
    case ErrorKind::absent:
      return 3;
    case ErrorKind::denied:
      return 4;
    case ErrorKind::conflict:
      return 5;
    case ErrorKind::unavailable:
      return 6;
    case ErrorKind::corrupt:
      return 7;
    case ErrorKind::full:
      return 8;
    case ErrorKind::cancelled:
      return 9;
  }
  return 70;
}

Error Error::while_doing(std::string_view what) const {
  return Error(kind_, fmt::format("{}: {}", what, message_), hint_);
}

void throw_errno(std::string_view what, int number) {
  ErrorKind kind = ErrorKind::unavailable;
  std::string hint;
  switch (number) {
    case ENOENT:
    case ENOTDIR:
      kind = ErrorKind::absent;
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      kind = ErrorKind::denied;
      break;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      kind = ErrorKind::full;
      hint = "free space there, then run the command again; nothing half-done is left behind";
      break;
    case EEXIST:
    case ENOTEMPTY:
      kind = ErrorKind::conflict;
      break;
    case EINVAL:
    case ENAMETOOLONG:
      kind = ErrorKind::invalid;
      break;
    default:
      break;
  }
  throw Error(kind, fmt::format("{}: {}", what, std::generic_category().message(number)), hint);
}

void throw_errno(std::string_view what) { throw_errno(what, errno); }

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "seawall: internal error at %s:%d: %s does not hold\n", file, line,
               condition);
  std::abort();
}

}  // namespace base
