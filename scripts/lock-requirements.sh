#!/usr/bin/env bash
# Writes the requirements of reports, tests and external baselines from the .in files beside them: every package that they need, its version and
# the hashes of its files for all platforms and Python 3.11 or newer. Run it after editing a .in file.
#   scripts/lock-requirements.sh [--upgrade]    --upgrade also takes newer versions of what no .in file pins
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tool=$(mktemp -d)
trap 'rm -rf "$tool"' EXIT
python3 -m venv "$tool"
"$tool/bin/pip" install --quiet --disable-pip-version-check uv==0.13.9
for input in reports/requirements.in tests/requirements.in variants/external/requirements/*.in; do
  "$tool/bin/uv" pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes --no-annotate "$@" \
    --custom-compile-command scripts/lock-requirements.sh -o "${input%.in}.txt" "$input"
done
