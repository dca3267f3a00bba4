// What libfaketime does not do for programs built with 64-bit file offsets: the times of files, as much ahead as the
// clock is. FAKE_FILES is in seconds. Built by faketime.py when a test wants it.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/stat.h>

static int shift(int result, struct stat64* status) {
  const char* seconds = getenv("FAKE_FILES");
  if (result == 0 && seconds) status->st_mtim.tv_sec += atol(seconds);
  return result;
}

int stat64(const char* path, struct stat64* status) {
  int (*real)(const char*, struct stat64*) = dlsym(RTLD_NEXT, "stat64");
  return shift(real(path, status), status);
}

int lstat64(const char* path, struct stat64* status) {
  int (*real)(const char*, struct stat64*) = dlsym(RTLD_NEXT, "lstat64");
  return shift(real(path, status), status);
}

int fstat64(int descriptor, struct stat64* status) {
  int (*real)(int, struct stat64*) = dlsym(RTLD_NEXT, "fstat64");
  return shift(real(descriptor, status), status);
}
