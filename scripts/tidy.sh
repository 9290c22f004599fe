#!/usr/bin/env bash
# clang-tidy (.clang-tidy) over the C++ of variants/, datasets/ and harness/. Optional: needs clang-tidy and takes the time of a build.
#   scripts/tidy.sh [FILE.cpp ...]    all of them, or those named; reads build/compile_commands.json (scripts/build.sh makes it)
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v clang-tidy >/dev/null || { echo "tidy: clang-tidy is not installed" >&2; exit 2; }
[[ -f build/compile_commands.json ]] || { echo "tidy: build/compile_commands.json is missing; run scripts/build.sh" >&2; exit 2; }
files=("$@")
if [[ $# == 0 ]]; then mapfile -t files < <(git ls-files 'variants/*.cpp' 'datasets/*.cpp' 'harness/*.cpp' ':!harness/templates'); fi
# The compile commands are g++'s: ignore options that clang does not know.
printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "$(nproc)" clang-tidy -p build --quiet --extra-arg=-Wno-unknown-warning-option 2>/dev/null
