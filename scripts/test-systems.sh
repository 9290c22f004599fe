#!/usr/bin/env bash
# The optional CI job: sanitizers, compilers, processors and systems that scripts/test.sh does not cover. Run it before a release, and
# after a change of the build, the dependencies or a kernel. Takes hours; ends with one line for each, and exits 1 when one failed.
#   scripts/test-systems.sh [NAME ...]    all of these, or those named:
#     sanitize            unit and contract tests under the address and undefined-behaviour sanitizers
#     clang               the C++ tests, built by clang++
#     arm64               the tests of variants/, cross-compiled, under qemu-user (scripts/test-arm64.sh)
#     bookworm, trixie    README's two commands in a bare Debian 12 and 13 (scripts/try-fresh.sh); needs root
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
known=(sanitize clang arm64 bookworm trixie)
wanted=("$@")
if [[ $# == 0 ]]; then wanted=("${known[@]}"); fi
for name in "${wanted[@]}"; do
  [[ " ${known[*]} " == *" $name "* ]] || { echo "test-systems: unknown system '$name'; choose from: ${known[*]}" >&2; exit 2; }
done

try() {
  case $1 in
    sanitize) cmake --preset asan && cmake --build --preset asan && ctest --preset asan -L 'unit|contract' -j "$(nproc)" ;;
    clang) cmake --preset clang && cmake --build --preset clang && ctest --preset clang -j "$(nproc)" ;;
    arm64) scripts/test-arm64.sh ;;
    *) scripts/try-fresh.sh "$1" ;;
  esac
}

failed=0 results=()
for name in "${wanted[@]}"; do
  start=$SECONDS
  if try "$name"; then result=passed; else result=FAILED failed=1; fi
  results+=("test-systems: $name $result in $((SECONDS - start)) s")
done
printf '%s\n' "${results[@]}"
exit $failed
