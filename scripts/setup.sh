#!/usr/bin/env bash
# Installs what is missing: Debian/Ubuntu packages and the project's own Python environment (.venv). Quick when nothing is.
# Usage: scripts/setup.sh [--tests]    --tests adds what only the tests need (on Debian: a headless browser, clang for fuzzing)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

packages=(g++ make cmake ninja-build ccache git python3 python3-venv zlib1g-dev libopenblas-pthread-dev libtbb-dev libfmt-dev
          libbenchmark-dev catch2 libhwy-dev libcli11-dev nlohmann-json3-dev libtomlplusplus-dev)
requirements=(reports/requirements.txt tests/requirements.txt)
if [[ ${1:-} == --tests ]]; then packages+=(libbenchmark-tools); fi  # its compare.py reads what `attnbench export` writes
distribution=$(. /etc/os-release 2>/dev/null && echo "${ID:-unknown}" || echo unknown)
# Ubuntu's chromium package is a snap, which containers cannot install; the browser test is skipped there.
# clang is there for libFuzzer (scripts/fuzz.sh); without it the corpora are still replayed.
if [[ ${1:-} == --tests && $distribution == debian ]]; then packages+=(chromium clang libclang-rt-dev); fi

say() { echo "setup: $*" >&2; }
fail() { say "$*"; exit 1; }

installed() { dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

install_packages() {
  missing=()
  if ! command -v dpkg-query >/dev/null; then
    say "not a Debian or Ubuntu system; install the equivalents of these yourself: ${packages[*]}"
    return
  fi
  for package in "${packages[@]}"; do installed "$package" || missing+=("$package"); done
  if [[ ${#missing[@]} == 0 ]]; then return; fi
  local as_root=()
  if [[ $(id -u) != 0 ]]; then
    command -v sudo >/dev/null || fail "neither root nor sudo here; ask for this to be run as root: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  say "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  local log=/tmp/attnbench-setup.$$.log
  "${as_root[@]}" apt-get update >"$log" 2>&1 || say "apt-get update failed; trying the package lists that are there"
  "${as_root[@]}" apt-get install -y --no-install-recommends "${missing[@]}" >>"$log" 2>&1 || {
    grep -E '^(E|W|Err):?' "$log" | tail -n 3 >&2
    fail "apt-get could not install ${missing[*]}; is there a network, and is this Debian 12 or Ubuntu 24.04? Log: $log"
  }
  rm -f "$log"
}

install_python() {
  local stamp=.venv/requirements.sha256 wanted
  wanted=$(cat "${requirements[@]}" | sha256sum)
  if [[ -f $stamp && $(<"$stamp") == "$wanted" ]]; then return; fi
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "python3 is $(python3 --version 2>&1); reports need 3.11 or newer"
  say "making .venv from ${requirements[*]}"
  python3 -m venv --clear .venv || fail "python3 -m venv failed; install python3-venv"
  .venv/bin/pip install --quiet --disable-pip-version-check ${requirements[@]/#/-r } ||
    fail "pip could not install ${requirements[*]}; is there a network? (builds and sweeps work without, reports do not)"
  echo "$wanted" >"$stamp"
}

install_packages
install_python
