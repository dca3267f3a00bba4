// What the fuzz targets share. A target takes any bytes and either understands them or throws an
// Error of a kind that its header names; everything else ends the program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "base/bytes.h"
#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace fuzz {

inline base::ByteView view(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const std::byte*>(data), size};
}

// Runs `work`; an Error may leave it only if it is of one of these kinds.
template <typename Work>
void refused_at_worst(std::initializer_list<base::ErrorKind> kinds, Work&& work) {
  try {
    work();
  } catch (const base::Error& failure) {
    for (const base::ErrorKind kind : kinds) {
      if (failure.kind() == kind) return;
    }
    throw;
  }
}

}  // namespace fuzz
