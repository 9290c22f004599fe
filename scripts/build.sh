#!/usr/bin/env bash
# Configures and builds the release preset into build/. Usage: scripts/build.sh [TARGET]; quiet unless something fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p build
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1  # so that a copy of the tree finds what this one compiled
{ cmake --preset release && cmake --build --preset release --target "${1:-all}"; } >build/build.log 2>&1 ||
  { grep -nE -A3 'error|Error' build/build.log | head -40 >&2; tail -n 20 build/build.log >&2; echo "build failed; whole log: build/build.log" >&2; exit 1; }
