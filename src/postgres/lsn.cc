#include "postgres/lsn.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>

#include "base/bytes.h"
#include "base/error.h"

namespace postgres {

using base::ErrorKind;

namespace {

bool is_upper_hex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); });
}

std::optional<uint64_t> hex_number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.empty() || failed != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

}  // namespace

std::string to_string(Lsn lsn) {
  return fmt::format("{:X}/{:X}", lsn.value >> 32, lsn.value & 0xFFFFFFFF);
}

Lsn parse_lsn(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash <= 8 && text.size() - slash - 1 <= 8) {
    const std::optional<uint64_t> high = hex_number(text.substr(0, slash));
    const std::optional<uint64_t> low = hex_number(text.substr(slash + 1));
    if (high && low) return {*high << 32 | *low};
  }
  throw base::Error(ErrorKind::invalid, fmt::format("'{}' is not a WAL position", text),
                    "one looks like 16/B374D848");
}

bool is_segment_size(uint64_t bytes) {
  return std::has_single_bit(bytes) && bytes >= base::MiB && bytes <= base::GiB;
}

std::string WalSegment::name(uint64_t segment_bytes) const {
  const uint64_t per_log = 0x100000000 / segment_bytes;
  return fmt::format("{:08X}{:08X}{:08X}", timeline.value, number / per_log, number % per_log);
}

WalSegment segment_at(Timeline timeline, Lsn lsn, uint64_t segment_bytes) {
  return {timeline, lsn.value / segment_bytes};
}

WalSegment segment_before(Timeline timeline, Lsn lsn, uint64_t segment_bytes) {
  CHECK(lsn.value > 0);
  return {timeline, (lsn.value - 1) / segment_bytes};
}

WalSegment parse_segment_name(std::string_view name, uint64_t segment_bytes) {
  if (name.size() == 24 && is_upper_hex(name)) {
    const uint64_t per_log = 0x100000000 / segment_bytes;
    const uint64_t log = *hex_number(name.substr(8, 8));
    const uint64_t in_log = *hex_number(name.substr(16));
    if (in_log < per_log) {
      return {{static_cast<uint32_t>(*hex_number(name.substr(0, 8)))}, log * per_log + in_log};
    }
  }
  throw base::error(ErrorKind::invalid, "'{}' does not name a WAL segment of {} MiB", name,
                    segment_bytes / base::MiB);
}

std::optional<WalFileName> parse_wal_file_name(std::string_view name) {
  const size_t dot = name.find('.');
  const std::string_view stem = name.substr(0, dot);
  const std::string_view rest =
      dot == std::string_view::npos ? std::string_view{} : name.substr(dot);
  if (!is_upper_hex(stem) || (stem.size() != 24 && stem.size() != 8)) return std::nullopt;
  WalFileName result{.kind = WalFileKind::segment,
                     .timeline = {static_cast<uint32_t>(*hex_number(stem.substr(0, 8)))},
                     .text = std::string(name),
                     .segment_name = std::string(stem)};
  if (result.timeline.value == 0) return std::nullopt;
  if (stem.size() == 8) {
    if (rest != ".history") return std::nullopt;
    result.kind = WalFileKind::history;
    result.segment_name.clear();
    return result;
  }
  if (rest.empty()) return result;
  if (rest == ".partial") {
    result.kind = WalFileKind::partial;
    return result;
  }
  if (rest.size() == 16 && rest.ends_with(".backup") && is_upper_hex(rest.substr(1, 8))) {
    result.kind = WalFileKind::backup_history;
    return result;
  }
  return std::nullopt;
}

std::string history_file_name(Timeline timeline) {
  return fmt::format("{:08X}.history", timeline.value);
}

}  // namespace postgres
