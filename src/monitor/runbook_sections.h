// The sections of the incident runbook, by the names that links end with. Alerts name one; `seawall
// runbook incident` writes one for each, under exactly this anchor.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace monitor::runbook {

inline constexpr std::string_view missed_backup = "missed-backup";
inline constexpr std::string_view wal_not_archived = "wal-not-archived";
inline constexpr std::string_view replica_behind = "replica-behind";
inline constexpr std::string_view key_refused = "key-refused";
inline constexpr std::string_view store_unreachable = "store-unreachable";
inline constexpr std::string_view damaged_object = "damaged-object";
inline constexpr std::string_view drill_failed = "drill-failed";
inline constexpr std::string_view probe_failed = "probe-failed";
inline constexpr std::string_view retention = "retention";
inline constexpr std::string_view disk_filling = "disk-filling";
inline constexpr std::string_view clock = "clock";
inline constexpr std::string_view daemon = "daemon";
inline constexpr std::string_view alerts = "alerts";
inline constexpr std::string_view restore = "restore";

inline constexpr std::array all = {
    missed_backup,  wal_not_archived, replica_behind, key_refused, store_unreachable,
    damaged_object, drill_failed,     probe_failed,   retention,   disk_filling,
    clock,          daemon,           alerts,         restore};

// Kinds of findings that a section answers, too: each is an anchor of its own there.
struct Also {
  std::string_view anchor;
  std::string_view section;
};
inline constexpr std::array also = {
    Also{"missed-run", missed_backup},      Also{"archiver", wal_not_archived},
    Also{"wal-hole", wal_not_archived},     Also{"replica", replica_behind},
    Also{"credentials", store_unreachable}, Also{"lost-repository", store_unreachable},
    Also{"damage", damaged_object},         Also{"damaged-pages", damaged_object},
    Also{"write-once", probe_failed},       Also{"disk-full", disk_filling},
    Also{"secret-rotation", key_refused},   Also{"drill", drill_failed}};

// Where a section is, for an alert: `base_url` is the policy's monitor.runbooks, the URL of the
// folder runbooks/ that `seawall strategy --out` writes.
inline std::string link(std::string_view base_url, std::string_view section) {
  while (base_url.ends_with('/')) base_url.remove_suffix(1);
  return std::string(base_url) + "/incident.md#" + std::string(section);
}

}  // namespace monitor::runbook
