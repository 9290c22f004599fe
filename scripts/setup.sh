#!/usr/bin/env bash
# Installs what is missing: Debian/Ubuntu packages and the project's own Python environment (.venv). Quick when nothing is.
# Usage: scripts/setup.sh [--tests]    --tests adds what only the tests need (on Debian: a headless browser, clang for fuzzing)
# Exit codes: 0 all is there; 1 a build is not possible; 3 only the Python packages are missing, so no reports.
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

log=$(mktemp -t attnbench-setup.XXXXXX)
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
  "${as_root[@]}" apt-get update >"$log" 2>&1 || say "apt-get update failed; trying the package lists that are there"
  "${as_root[@]}" apt-get install -y --no-install-recommends "${missing[@]}" >>"$log" 2>&1 || {
    grep -E '^(E|W|Err):?' "$log" | tail -n 3 >&2
    fail "apt-get could not install ${missing[*]}; is there a network, and is this Debian 12, 13 or Ubuntu 24.04? Log: $log"
  }
}

# The line of the log that says what went wrong.
reason() { { grep -E '^(ERROR|Error|error)\b' "$log" || tail -n 1 "$log"; } | tail -n 1; }
fail_python() {
  say "no Python packages: $*. Log: $log"
  say "builds and sweeps work without them; only the reports and the tests need them"
  exit 3
}

# A working environment is kept, so that one whose update fails can still be used.
make_environment() {
  if [[ -x .venv/bin/pip && $(.venv/bin/python --version 2>&1) == "$(python3 --version)" ]]; then return; fi
  python3 -m venv --clear .venv >"$log" 2>&1 || fail_python "python3 -m venv failed: $(reason)"
}

install_python() {
  local stamp=.venv/requirements.sha256 wanted
  wanted=$(python3 --version; cat "${requirements[@]}" | sha256sum)
  if [[ -f $stamp && $(<"$stamp") == "$wanted" ]]; then return; fi
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>"$log" ||
    fail_python "reports need Python 3.11 or newer, this is $(python3 --version 2>&1)"
  say "installing ${requirements[*]} into .venv"
  make_environment
  .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes "${requirements[@]/#/--requirement=}" >"$log" 2>&1 ||
    fail_python "pip could not install ${requirements[*]}: $(reason); is there a network?"
  { echo "$wanted" >"$stamp"; } 2>"$log" || fail_python "cannot write $stamp: $(reason)"
}

install_packages
install_python
rm -f "$log"
