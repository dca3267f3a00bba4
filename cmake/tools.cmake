# Compiler settings that every target shares.
find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # What ccache has to be told to keep what was compiled with a precompiled header, and to find it from another clone.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE})
endif()

find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_compile_options(-Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual
                    -Wno-missing-field-initializers -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-fpch-preprocess) # lets ccache see what a precompiled header holds
endif()
add_compile_definitions(_FILE_OFFSET_BITS=64 _GNU_SOURCE SPDLOG_FMT_EXTERNAL)

if(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-O2 -g1)
  add_compile_definitions(_FORTIFY_SOURCE=2)
  add_link_options(-Wl,--as-needed,-z,relro,-z,now)
endif()

if(SEAWALL_SANITIZE)
  add_compile_options(-fsanitize=${SEAWALL_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SEAWALL_SANITIZE})
endif()

if(SEAWALL_FUZZ) # the fuzzer's own main is linked in fuzz/
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
endif()
