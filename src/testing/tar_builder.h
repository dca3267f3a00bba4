// Writes tars as PostgreSQL's tarCreateHeader() does. Chains; belongs to one thread.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

namespace testing {

class TarBuilder {
 public:
  TarBuilder& file(std::string_view path, std::string_view content, uint32_t mode = 0600);
  TarBuilder& folder(std::string_view path, uint32_t mode = 0700);
  TarBuilder& link(std::string_view path, std::string_view target);
  // Any header at all, without content.
  TarBuilder& header(std::string_view path, char type, uint32_t mode, uint64_t size,
                     std::string_view link = {}, std::string_view prefix = {});
  // The two blocks of zeros that servers from 15 on put at the end.
  TarBuilder& end();

  base::ByteView bytes() const { return bytes_; }

 private:
  base::Bytes bytes_;
};

}  // namespace testing
