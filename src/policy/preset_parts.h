// The parts that every new policy is made of; used by preset.cc and preset_found.cc alone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/commented.h"
#include "policy/preset.h"

namespace policy::parts {

// Why rows of pg-boss's jobs stay behind.
extern const char* const jobs_why;

Draft note(std::string_view what, std::string_view why);
std::string yaml_list(const std::vector<std::string>& texts);
Draft tier(std::string name, std::vector<std::string> why, std::string at, std::string retain);
Draft database(std::string url, std::vector<std::string> why,
               const std::optional<std::string>& folder);

// `s3`, where the buckets are not at AWS; else nothing.
std::vector<Draft> s3_service(const PresetStores& stores);
// `key_file` is proposed where the repository is a folder.
Draft repository(const PresetStores& stores, const std::string& key_file);
// Store, encryption, lock and replica of a tier of dumps: at AWS by the service's own means, so
// that a dump stays a plain archive to who may use the key; elsewhere sealed and copied by seawall.
std::vector<Draft> dumps_places(const PresetStores& stores, const std::string& key_file);

}  // namespace policy::parts
