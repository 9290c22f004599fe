#!/usr/bin/env bash
# Sets up the frameworks that the plan `external` compares with (docs/external-baselines.md), as far as they can be had: Python packages into an
# environment of their own, .venv-external, oneDNN from the distribution, and the adapters into build/external/. What cannot be had is
# named with its reason and left out. Quick when nothing is missing.
#   scripts/external.sh [NAME ...]    all of: torch onnxruntime openvino jax onednn, or those named
# EXTERNAL_TORCH: the requirement for PyTorch, if another than variants/external/requirements/torch-cpu.txt; its hash is not checked. EXTERNAL_BUILD:
# the build folder, if another than build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

known=(torch onnxruntime openvino jax onednn)
wanted=("$@")
if [[ $# == 0 ]]; then wanted=("${known[@]}"); fi
venv=.venv-external
build=${EXTERNAL_BUILD:-build}
log=$build/external.log
declare -A trouble=()

say() { echo "external baselines: $*" >&2; }
fail() { say "$*"; exit 1; }
is_wanted() { [[ " ${wanted[*]} " == *" $1 "* ]]; }

check_names() {
  local name
  for name in "${wanted[@]}"; do
    [[ " ${known[*]} " == *" $name "* ]] || { say "unknown external baseline '$name'; choose from: ${known[*]}"; exit 2; }
  done
}

# The last line of pip that says what was wrong, short enough for a table.
reason_of_pip() { { grep -E '^(ERROR|error):?' "$log" || tail -n 1 "$log"; } | tail -n 1 | cut -c1-200; }

is_in_venv() { compgen -G "$venv/lib/python3*/site-packages/$1" >/dev/null; }

# pip_install NAME REQUIREMENT...: once, until the requirement changes or the package NAME is gone; else notes the trouble.
pip_install() {
  local name=$1 stamp=$venv/$1.installed
  shift
  local requirement
  requirement=$(for argument in "$@"; do if [[ -f $argument ]]; then cat "$argument"; else echo "$argument"; fi; done)
  if [[ -f $stamp && $(<"$stamp") == "$requirement" ]] && is_in_venv "$name"; then return; fi
  is_in_venv "$name" || $venv/bin/pip uninstall --quiet --yes "$name" >"$log" 2>&1 || true  # metadata without a package
  say "installing $name into $venv"
  if $venv/bin/pip install --quiet --disable-pip-version-check "$@" >"$log" 2>&1; then echo "$requirement" >"$stamp"; return; fi
  trouble[$name]=$(reason_of_pip)
}

install_torch() {
  if [[ -n ${EXTERNAL_TORCH:-} ]]; then pip_install torch "$EXTERNAL_TORCH"
  else pip_install torch --require-hashes -r variants/external/requirements/torch.txt -r variants/external/requirements/torch-cpu.txt; fi
  [[ -z ${trouble[torch]:-} ]] ||
    trouble[torch]+=" (builds without CUDA are on PyTorch's own index: name it in PIP_EXTRA_INDEX_URL, or set EXTERNAL_TORCH)"
}

install_python() {
  mkdir -p "$build"
  if [[ ! -x $venv/bin/python ]]; then
    python3 -m venv "$venv" >"$log" 2>&1 || fail "python3 -m venv failed; install python3-venv. Log: $log"
  fi
  pip_install numpy --require-hashes -r variants/external/requirements/numpy.txt
  [[ -z ${trouble[numpy]:-} ]] || fail "no adapter works without numpy: ${trouble[numpy]}"
  is_wanted torch && install_torch
  local name
  for name in onnxruntime openvino jax; do
    is_wanted $name && pip_install $name --require-hashes -r variants/external/requirements/$name.txt
  done
  return 0
}

has_onednn() { [[ -n $(find /usr/include /usr/local/include -name dnnl.hpp -print -quit 2>/dev/null) ]]; }

install_onednn() {
  if ! is_wanted onednn || has_onednn; then return; fi
  local as_root=()
  if [[ $(id -u) != 0 ]]; then as_root=(sudo -n); fi
  if ! command -v apt-get >/dev/null; then
    trouble[onednn]="no apt-get here; install oneDNN 2.x with its headers yourself"
    return
  fi
  say "installing libdnnl-dev"
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y --no-install-recommends libdnnl-dev >"$log" 2>&1 ||
    trouble[onednn]="apt-get install libdnnl-dev: $(tail -n 1 "$log" | cut -c1-200)"
}

torch_dir() { find "$PWD/$venv"/lib/python3*/site-packages/torch -maxdepth 0 2>/dev/null || true; }

# build_backend NAME: one that does not build is left out like a library that is not there.
build_backend() {
  if ! cmake --build "$build" --target "backend_$1" >"$log" 2>&1; then
    grep -q 'unknown target' "$log" || trouble[$1]="its backend did not build: $(grep -m 1 -E 'error' "$log" | cut -c1-200)"
  fi
}

build() {
  say "building"
  cmake --preset release -B "$build" -DATTNBENCH_TORCH_DIR="$(torch_dir)" -U DNNL_LIBRARY -U DNNL_INCLUDE_DIR >"$log" 2>&1 &&
    cmake --build "$build" --target attnbench attnbench_external >"$log" 2>&1 || fail "the build failed: $(tail -n 1 "$log"). Log: $log"
  build_backend torch
  build_backend onednn
  ln -sfn "$PWD/$venv" "$build/external/venv"
}

report() {
  local name
  for name in "${!trouble[@]}"; do say "without $name: ${trouble[$name]}"; done
  say "ready; compare with: $build/attnbench run --plan external"
}

check_names
scripts/setup.sh
install_onednn
install_python
build
report
