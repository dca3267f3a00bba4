// The checksum of every page of a cluster that no server runs on.
#pragma once

#include <stop_token>

#include "drill/checks.h"

namespace drill {

// Pages of this file of a relation whose checksum does not match; `first_block` is where in the
// relation the file begins. At most `wrong_max` are told. Adds to `pages` what was looked at.
std::vector<uint32_t> wrong_pages(const base::Path& file, uint32_t first_block, uint64_t& pages,
                                  std::stop_token stop);
inline constexpr size_t wrong_pages_max = 10;

// Of every file of every relation, by `threads`. Unproven where the cluster has no checksums.
DrillCheckResult check_pages(const base::Path& data_directory, unsigned threads,
                             std::stop_token stop);

// Damage done on purpose: a copy of the start of one relation's file, made in `folder`, with a bit
// flipped in one of its pages, which wrong_pages() must find. Nothing where the cluster has no
// checksums, or no page.
std::optional<repository::KnownBad> flip_a_page(const base::Path& data_directory,
                                                const base::Path& folder, std::stop_token stop);

}  // namespace drill
