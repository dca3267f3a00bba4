#!/bin/bash
# clang-format and clang-tidy over all sources. clang-tidy needs build/release to be configured: its flags are taken from there.
set -eu
cd "$(dirname "$0")/.."
mapfile -t sources < <(git ls-files 'src/**/*.cc' 'src/**/*.h' 'fuzz/*.cc' 'fuzz/*.h')
clang-format --dry-run -Werror "${sources[@]}"
[ "${1:-}" = --format ] || tools/clang_tidy.py
