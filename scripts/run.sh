#!/usr/bin/env bash
# Sets up what is missing, builds a release and runs a sweep through to its report. Arguments go to `attnbench run`:
#   scripts/run.sh                                     the default plan, about four minutes on two cores
#   scripts/run.sh --variants naive,linear -a n=256:4k:x2
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
"$root/scripts/setup.sh" || [[ $? == 3 ]]  # without the Python packages only the report is missing, and `attnbench run` says so
"$root/scripts/build.sh" attnbench
exec "$root/build/attnbench" run "$@"
