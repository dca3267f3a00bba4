#!/bin/bash
# clang-format over all sources; clang-tidy over what changed since the main branch's last commit, or with --all over everything.
set -eu
cd "$(dirname "$0")/.."
mapfile -t sources < <(git ls-files 'src/**/*.cc' 'src/**/*.h' 'fuzz/*.cc')
clang-format --dry-run -Werror "${sources[@]}"
