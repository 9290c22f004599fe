#!/usr/bin/env bash
# Cross-compiles the tests of the kernels, the variants and their interface for arm64, and runs them under qemu-user, on every
# instruction set of the build. Needs root, debootstrap, qemu-user-static and g++-aarch64-linux-gnu. The arm64 libraries, of this
# machine's own release, are unpacked into build-arm64/sysroot; no package of this machine changes. Ten minutes of one processor.
#   scripts/test-arm64.sh [CTEST OPTION ...]     such as -R 'kernels: '
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
sysroot=build-arm64/sysroot
log=build-arm64/build.log
libraries=(libc6-dev zlib1g-dev libopenblas-pthread-dev libtbb-dev libfmt-dev libbenchmark-dev catch2 libhwy-dev libcli11-dev
           nlohmann-json3-dev libtomlplusplus-dev)
tests=(test_api test_kernels test_variants)

say() { echo "test-arm64: $*" >&2; }
fail() { say "$*"; exit 1; }

require_tools() {
  local tool
  for tool in debootstrap qemu-aarch64-static aarch64-linux-gnu-g++; do
    command -v $tool >/dev/null || fail "no $tool here: apt-get install debootstrap qemu-user-static g++-aarch64-linux-gnu"
  done
}

# The release and the mirror that this machine's own packages come from.
own_mirror() {
  apt-get indextargets --format '$(LABEL) $(COMPONENT) $(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
    awk '($1 == "Debian" || $1 == "Ubuntu") && $2 == "main" { print $3, $4; exit }'
}

# debootstrap chooses and fetches the packages; unpacked is all they need to be for a compiler and for qemu.
make_sysroot() {
  if [[ -f $sysroot/complete ]]; then return; fi
  [[ $(id -u) == 0 ]] || fail "debootstrap needs root for the sysroot; run this as root once"
  local release mirror package gcc
  read -r release mirror < <(own_mirror) || fail "apt knows no Debian or Ubuntu mirror here; run apt-get update"
  gcc=$(aarch64-linux-gnu-g++ -dumpversion)
  say "unpacking the arm64 libraries of $release into $sysroot"
  rm -rf --one-file-system "$sysroot"
  debootstrap --arch=arm64 --foreign --variant=minbase --include="$(IFS=,; echo "${libraries[*]}"),libstdc++-$gcc-dev" \
    "$release" "$sysroot" "$mirror" >"$log" 2>&1 || fail "debootstrap failed: $(tail -n 1 "$log"). Log: $log"
  for package in "$sysroot"/var/cache/apt/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$sysroot"
  done
  touch "$sysroot/complete"
}

build() {
  say "building ${tests[*]}"
  { cmake --preset arm64 && cmake --build --preset arm64 --target "${tests[@]}"; } >"$log" 2>&1 ||
    { grep -nE -A3 'error|Error' "$log" | head -40 >&2; fail "the build failed; whole log: $log"; }
}

mkdir -p build-arm64
require_tools
make_sysroot
build
ctest --preset arm64 -j "$(nproc)" "$@"
