#!/usr/bin/env bash
# Writes the figure of README.md, time against sequence length of the default plan: from a run that is made now, or from a stored one.
#   scripts/make-readme-figure.sh [RUN [FILE]]    FILE is docs/images/time.svg unless named
set -euo pipefail
attnbench=${ATTNBENCH_BINARY:-$(dirname "${BASH_SOURCE[0]}")/../build/attnbench}
run=${1:-} file=${2:-$(dirname "${BASH_SOURCE[0]}")/../docs/images/time.svg}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if [[ -z $run ]]; then
  run=$scratch/run
  "$(dirname "${BASH_SOURCE[0]}")/run.sh" --plan default --profile standard --no-report --out "$run"
fi
"$attnbench" report "$run" --out "$scratch/report" >/dev/null
figure=$scratch/report/figures/time.svg
[[ -f $figure ]] || { echo "make-readme-figure: '$run' has several settings or none; give a run of one problem over several n" >&2; exit 2; }
cp "$figure" "$file"
echo "$file"
