#!/usr/bin/env bash
# Tries the two commands of the README as a newcomer would: in a bare system of a Debian or Ubuntu release, on a fresh clone of
# HEAD. Needs root and debootstrap; packages come from this machine's own mirror. Prints what passed; exits 1 when something failed.
#   scripts/try-fresh.sh RELEASE [--keep DIR] [-- COMMAND ...]
#     RELEASE        bookworm, trixie, ...
#     --keep DIR     make the system in DIR and keep it; a system already there is used again, with a new clone
#     -- COMMAND ... run this in the clone, in place of ./scripts/run.sh and ./scripts/test.sh
# A CCACHE_DIR in the environment is shared with the system, which saves most of the compile time of a second try.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2; exit 2; }
say() { echo "try-fresh: $*" >&2; }
fail() { say "$*"; exit 1; }

release='' keep='' command=()
while [[ $# -gt 0 ]]; do
  case $1 in
    --keep) [[ -n ${2:-} ]] || usage; keep=$2; shift ;;
    --) shift; command=("$@"); break ;;
    -* | '') usage ;;
    *) [[ -z $release ]] || usage; release=$1 ;;
  esac
  shift
done
[[ $release =~ ^[a-z]+$ ]] || usage
[[ $(id -u) == 0 ]] || fail "debootstrap and chroot need root; run this as root"
command -v debootstrap >/dev/null || fail "no debootstrap here; install it: apt-get install debootstrap"

# The first mirror that this machine's own packages come from.
own_mirror() {
  apt-get indextargets --format '$(LABEL) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    awk '($1 == "Debian" || $1 == "Ubuntu") && $2 == "main" { print $3; exit }'
}

make_system() {
  if [[ -x $system/usr/bin/git ]]; then
    grep -q "^VERSION_CODENAME=$release\$" "$system/etc/os-release" || fail "$system holds another release than $release"
    return
  fi
  local mirror
  mirror=$(own_mirror)
  [[ -n $mirror ]] || fail "apt knows no Debian or Ubuntu mirror here; run apt-get update"
  say "making a bare $release in $system from $mirror"
  debootstrap --variant=minbase --include=git,g++,cmake,python3,ca-certificates "$release" "$system" "$mirror" >"$logs/debootstrap" 2>&1 ||
    fail "debootstrap failed: $(tail -n 1 "$logs/debootstrap")"
}

pip_settings=(/etc/pip.conf /etc/xdg/pip "$HOME/.config/pip" "$HOME/.pip")

# What makes package indexes reachable here: name servers, proxies, certificates, pip's own settings.
copy_network_settings() {
  cp -L /etc/resolv.conf /etc/hosts "$system/etc/"
  apt-config dump | grep -E '^Acquire::(https?::|Check-|ForceIPv)' >"$system/etc/apt/apt.conf.d/99host" || true
  cp -rL /usr/local/share/ca-certificates/. "$system/usr/local/share/ca-certificates/" 2>/dev/null || true
  chroot "$system" update-ca-certificates >/dev/null 2>&1
  local path
  for path in "${pip_settings[@]}"; do
    [[ -e $path ]] || continue
    mkdir -p "$system$(dirname "$path")"
    cp -rLT "$path" "$system${path/#$HOME//root}"
  done
}

# Folders of packages that pip reads besides the network: those of --find-links, and of file:// indexes the folder above .../simple,
# which holds the files too.
local_indexes() {
  { cat /etc/pip.conf /etc/xdg/pip/pip.conf "$HOME"/.config/pip/pip.conf "$HOME"/.pip/pip.conf 2>/dev/null || true; env | grep ^PIP_ || true; } |
    grep -iE 'index.url|find.links' | grep -oE '(file://)?/[^ =]+' | sed -E 's|^file://||; s|/simple/?$||' |
    while read -r path; do [[ ! -d $path ]] || echo "$path"; done
}

kept_environment() { env | grep -E '^([a-zA-Z]+_(proxy|PROXY)|PIP_[A-Z_]+|SSL_CERT_(FILE|DIR)|CCACHE_DIR)=' || true; }

# Becomes its arguments, run in the clone. Mounts and processes belong to namespaces of their own, which end with the command.
in_system() {
  local shared
  mapfile -t shared < <(local_indexes | sort -u)
  if [[ -n ${CCACHE_DIR:-} ]]; then shared+=("$CCACHE_DIR"); fi
  local kept
  mapfile -t kept < <(kept_environment)
  exec unshare --mount --propagation private --pid --fork --kill-child bash -euc '
    system=$1; shift
    mount -t proc proc "$system/proc"
    mount --rbind /sys "$system/sys"
    mount --rbind /dev "$system/dev"
    mount -t tmpfs tmpfs "$system/dev/shm"
    while [[ $1 != -- ]]; do mkdir -p "$system$1"; mount --bind "$1" "$system$1"; shift; done
    shift
    exec chroot "$system" "$@"' - "$system" "${shared[@]}" -- \
    /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "${kept[@]}" \
    bash -c 'cd /root/attnbench && exec "$@"' - "$@" </dev/null
}

# try COMMAND ...: says whether it passed, with the last lines of what it printed.
try() {
  local log=$logs/$(basename "$1") status=0 start=$SECONDS
  in_system "$@" >"$log" 2>&1 &
  child=$!
  wait $child || status=$?
  child=''
  tail -n "$([[ $status == 0 ]] && echo 3 || echo 60)" "$log"
  if [[ $status == 0 ]]; then
    say "$release: passed in $((SECONDS - start)) s: $*"
  else
    failed=1
    say "$release: FAILED (exit code $status): $*${keep:+; whole log: $log}"
  fi
}

system=$(realpath -m "${keep:-$(mktemp -d)}")
logs=$system/var/log/try-fresh
child=''
clean_up() {
  if [[ -n $child ]]; then kill -KILL $child && wait $child || true; fi  # unshare blocks other signals; its namespaces end with it
  [[ -n $keep ]] || rm -rf --one-file-system "$system"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
mkdir -p "$logs"

make_system
copy_network_settings
rm -rf "$system/root/attnbench"
git clone --quiet --no-hardlinks . "$system/root/attnbench"
say "trying $(git rev-parse --short HEAD) on $(. "$system/etc/os-release"; echo "$PRETTY_NAME")"
failed=0
if [[ ${#command[@]} -gt 0 ]]; then
  try "${command[@]}"
else
  try ./scripts/run.sh
  try ./scripts/test.sh
fi
exit $failed
