# Libraries from Debian 12, each with the reason it is here. Rooms name them as libraries::<name>.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

function(seawall_library name)
  add_library(libraries_${name} INTERFACE)
  target_link_libraries(libraries_${name} INTERFACE ${ARGN})
  add_library(libraries::${name} ALIAS libraries_${name})
endfunction()

find_package(fmt REQUIRED)                          # std::format, which g++ 12 does not have
seawall_library(fmt fmt::fmt Threads::Threads)
find_package(spdlog REQUIRED)                       # log lines with levels, to stderr
seawall_library(spdlog spdlog::spdlog)
find_package(nlohmann_json REQUIRED)                # manifests, records, --json
seawall_library(json nlohmann_json::nlohmann_json)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)     # the compression of packs and WAL
seawall_library(zstd PkgConfig::ZSTD)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash) # XXH3-128, the identity of a block
seawall_library(xxhash PkgConfig::XXHASH)
find_package(OpenSSL REQUIRED)                      # SHA-256
seawall_library(openssl OpenSSL::Crypto)
find_package(PostgreSQL REQUIRED)                   # libpq: SQL and the replication protocol
seawall_library(pq PostgreSQL::PostgreSQL)
find_package(yaml-cpp REQUIRED)                     # the policy file, with line and column of each node
seawall_library(yaml yaml-cpp)
find_package(date REQUIRED)                         # IANA time zones, which g++ 12's <chrono> does not have
seawall_library(date date::date date::date-tz)
find_package(CLI11 REQUIRED)                        # the command line
seawall_library(cli11 CLI11::CLI11)
