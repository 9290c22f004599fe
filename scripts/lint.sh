#!/usr/bin/env bash
# Checks formatting, lint and layers of everything git tracks; `scripts/lint.sh --fix` corrects what can be corrected.
# The formatters are those of tests/requirements.txt: another version of clang-format formats differently.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mapfile -t python < <(git ls-files '*.py')
mapfile -t sources < <(git ls-files '*.cpp' '*.h' '*.hpp' '*.c')
[[ ${#sources[@]} != 0 && -x .venv/bin/clang-format ]] || { echo "lint: needs a git clone and .venv; run scripts/setup.sh --tests" >&2; exit 1; }
status=0
if [[ ${1:-} == --fix ]]; then
  .venv/bin/clang-format -i "${sources[@]}" && .venv/bin/ruff format "${python[@]}" && .venv/bin/ruff check --fix "${python[@]}"
  exit
fi
.venv/bin/clang-format --dry-run -Werror "${sources[@]}" || status=1
.venv/bin/ruff format --check --quiet "${python[@]}" || status=1
.venv/bin/ruff check --quiet "${python[@]}" || status=1
.venv/bin/python scripts/check_layers.py || status=1
exit $status
