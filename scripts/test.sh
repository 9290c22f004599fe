#!/usr/bin/env bash
# Sets up what is missing, lints, builds a release and runs every test: C++ through CTest, then reports, command line and the
# end-to-end sweep through pytest. Ends with one line that counts them all.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/setup.sh --tests || exit 1
scripts/lint.sh || exit 1
echo "building ..." >&2
scripts/build.sh || exit 1

export ATTNBENCH_BINARY=$PWD/build/attnbench
failed=0
ctest --test-dir build -j "$(nproc)" --output-on-failure --output-junit ctest.xml --progress || failed=1
.venv/bin/python -m pytest tests -q --junitxml build/pytest.xml || failed=1
scripts/fuzz.sh 3 || failed=1
.venv/bin/python scripts/count_tests.py build/ctest.xml build/pytest.xml || failed=1
exit $failed
