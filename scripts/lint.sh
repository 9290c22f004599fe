#!/usr/bin/env bash
# Checks formatting, lint and layers of everything git tracks; `scripts/lint.sh --fix` mends what can be mended.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=(reports tests scripts variants)
mapfile -t sources < <(git ls-files '*.cpp' '*.h' '*.hpp' '*.c')
status=0
if [[ ${1:-} == --fix ]]; then
  clang-format -i "${sources[@]}" && .venv/bin/ruff format "${python[@]}" && .venv/bin/ruff check --fix "${python[@]}"
  exit
fi
clang-format --dry-run -Werror "${sources[@]}" || status=1
.venv/bin/ruff format --check "${python[@]}" || status=1
.venv/bin/ruff check "${python[@]}" || status=1
.venv/bin/python scripts/check_layers.py || status=1
exit $status
