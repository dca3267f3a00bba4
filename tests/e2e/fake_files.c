// What libfaketime does not do for programs built with 64-bit file offsets: the times of files, as much ahead as the
// clock is. FAKE_FILES is in seconds; FAKE_FILES_FROM is a file that has them, which may change meanwhile. Built by
// faketime.py when a test wants it.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static long seconds_ahead(void) {
  const char* from = getenv("FAKE_FILES_FROM");
  const char* seconds = getenv("FAKE_FILES");
  if (!from) return seconds ? atol(seconds) : 0;
  char text[32] = {0};
  const int file = open(from, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  const ssize_t size = read(file, text, sizeof text - 1);
  close(file);
  return size > 0 ? atol(text) : 0;
}

static int shift(int result, struct stat64* status) {
  if (result == 0) status->st_mtim.tv_sec += seconds_ahead();
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
