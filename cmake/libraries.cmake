# Libraries from Debian 12, each with the reason it is here. Rooms name them as libraries::<name>.
find_package(Threads REQUIRED)

function(seawall_library name)
  add_library(libraries_${name} INTERFACE)
  target_link_libraries(libraries_${name} INTERFACE ${ARGN})
  add_library(libraries::${name} ALIAS libraries_${name})
endfunction()

# PostgreSQL starts us once for every WAL segment, and each shared library takes its share of that start: what Debian has as an
# archive is linked whole.
function(seawall_archive name file)
  find_library(archive_${name} ${file} REQUIRED)
  seawall_library(${name} ${archive_${name}})
endfunction()

find_package(fmt REQUIRED)                          # std::format, which g++ 12 does not have
seawall_library(fmt fmt::fmt Threads::Threads)
find_package(spdlog REQUIRED)                       # log lines with levels, to stderr
seawall_library(spdlog spdlog::spdlog)
find_package(nlohmann_json REQUIRED)                # manifests, records, --json
seawall_library(json nlohmann_json::nlohmann_json)
seawall_archive(zstd libzstd.a)                     # the compression of packs and WAL
seawall_archive(zlib libz.a)                        # gzip, for archives that go to others
seawall_archive(xxhash libxxhash.a)                 # XXH3-128, the identity of a block
seawall_archive(openssl libcrypto.a)                # SHA-256, from OpenSSL
find_package(PostgreSQL REQUIRED)                   # libpq: SQL and the replication protocol; src/postgres/late_libpq.cc loads it
seawall_library(pq ${CMAKE_DL_LIBS})
target_include_directories(libraries_pq SYSTEM INTERFACE ${PostgreSQL_INCLUDE_DIRS})
find_package(CURL REQUIRED)                         # HTTP and TLS; src/net/late_curl.cc loads it
seawall_library(curl ${CMAKE_DL_LIBS})
target_include_directories(libraries_curl SYSTEM INTERFACE ${CURL_INCLUDE_DIRS})
seawall_archive(yaml libyaml-cpp.a)                 # the policy file, with line and column of each node
find_package(date REQUIRED)                         # IANA time zones, which g++ 12's <chrono> does not have
seawall_library(date date::date date::date-tz)
find_package(CLI11 REQUIRED)                        # the command line
seawall_library(cli11 CLI11::CLI11)
