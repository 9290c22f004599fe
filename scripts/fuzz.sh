#!/usr/bin/env bash
# Fuzzes every parser with libFuzzer under the address and undefined-behaviour sanitizers, from the committed corpora. Needs clang++
# with its sanitizer runtime (Debian: clang, libclang-rt-dev). Usage:
#   scripts/fuzz.sh [SECONDS [TARGET...]]    so long per target (default 60), all targets; exits 1 when something was found
#   scripts/fuzz.sh --keep [TARGET...]       adds what runs have found to tests/fuzz/corpus, as few and as small files as cover it
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=build-fuzz corpora=tests/fuzz/corpus
log=$build/fuzz.log

if ! echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' |
  clang++ -x c++ -fsanitize=fuzzer,address - -o /dev/null 2>/dev/null; then
  echo "fuzz: no clang++ with libFuzzer here; the corpora are replayed by ctest all the same" >&2
  exit 0
fi
keep=0 seconds=60
if [[ ${1:-} == --keep ]]; then keep=1; shift; elif [[ $# -gt 0 ]]; then seconds=$1; shift; fi
targets=("$@")
if [[ ${#targets[@]} == 0 ]]; then for folder in "$corpora"/*/; do targets+=("$(basename "$folder")"); done; fi

mkdir -p "$build"
{ cmake --preset fuzz && cmake --build --preset fuzz; } >"$log" 2>&1 || { tail -n 30 "$log" >&2; echo "fuzz: the build failed; whole log: $log" >&2; exit 1; }

also() {  # what else is worth starting from
  case $1 in plan) echo harness/plans ;; npy) echo tests/datasets/files ;; esac
}

fuzz() {
  local name=$1 found=$build/found/$1 output=$build/$1.log
  mkdir -p "$found" "$build/crashes"
  # A file of some kilobytes has no business asking for 64 MiB, nor for five seconds.
  if ! "$build/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -max_len=4096 -malloc_limit_mb=64 -timeout=5 -use_value_profile=1 \
    -print_final_stats=1 -artifact_prefix="$build/crashes/$name-" "$found" "$corpora/$name" $(also "$name") >"$output" 2>&1; then
    grep -E 'broken invariant|ERROR|SUMMARY|Test unit written' "$output" >&2 || tail -n 20 "$output" >&2
    echo "fuzz: $name: found something; whole log: $output" >&2
    return 1
  fi
  echo "fuzz: $name: $(awk '/number_of_executed_units/ {print $2}' "$output") inputs in $seconds s, nothing found"
}

# Keeps what reaches code that nothing kept so far reaches, the smallest files of it.
keep_finds() {
  local name=$1 merged=$build/merged/$1
  rm -rf "$merged" && mkdir -p "$merged" "$build/found/$name"
  "$build/tests/fuzz/fuzz_$name" -set_cover_merge=1 -use_counters=0 -max_len=512 "$merged" "$corpora/$name" "$build/found/$name" >"$build/$name-merge.log" 2>&1
  local file new=0
  for file in $(ls -Sr "$merged" | head -n 40); do
    file=$merged/$file
    if sha256sum "$corpora/$name"/* | grep -q "^$(sha256sum <"$file" | cut -d' ' -f1)"; then continue; fi
    cp "$file" "$corpora/$name/"
    new=$((new + 1))
  done
  echo "fuzz: $name: $new new files, $(ls "$corpora/$name" | wc -l) in all"
}

failed=0
for name in "${targets[@]}"; do
  if [[ $keep == 1 ]]; then keep_finds "$name"; else fuzz "$name" || failed=1; fi
done
exit $failed
