#include "net/late_curl.h"

#include <dlfcn.h>

#include "base/error.h"

namespace net {

namespace {

[[noreturn]] void throw_unusable(const char* why) {
  throw base::Error(base::ErrorKind::unavailable, fmt::format("libcurl cannot be used: {}", why),
                    "install it (Debian: libcurl4)");
}

template <typename Function>
void find(void* library, const char* name, Function& function) {
  void* const found = dlsym(library, name);
  if (found == nullptr) throw_unusable(dlerror());
  function = reinterpret_cast<Function>(found);
}

CurlFunctions load() {
  void* const library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw_unusable(dlerror());
  CurlFunctions found{};
  find(library, "curl_global_init", found.global_init);
  find(library, "curl_easy_init", found.easy_init);
  find(library, "curl_easy_setopt", found.easy_setopt);
  find(library, "curl_easy_getinfo", found.easy_getinfo);
  find(library, "curl_easy_reset", found.easy_reset);
  find(library, "curl_easy_cleanup", found.easy_cleanup);
  find(library, "curl_easy_strerror", found.easy_strerror);
  find(library, "curl_multi_init", found.multi_init);
  find(library, "curl_multi_add_handle", found.multi_add_handle);
  find(library, "curl_multi_remove_handle", found.multi_remove_handle);
  find(library, "curl_multi_perform", found.multi_perform);
  find(library, "curl_multi_poll", found.multi_poll);
  find(library, "curl_multi_wakeup", found.multi_wakeup);
  find(library, "curl_multi_info_read", found.multi_info_read);
  find(library, "curl_multi_strerror", found.multi_strerror);
  find(library, "curl_multi_cleanup", found.multi_cleanup);
  find(library, "curl_slist_append", found.slist_append);
  find(library, "curl_slist_free_all", found.slist_free_all);
  if (found.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) throw_unusable("it does not start");
  return found;
}

}  // namespace

const CurlFunctions& curl() {
  static const CurlFunctions functions = load();
  return functions;
}

}  // namespace net
