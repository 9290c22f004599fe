"""Builds: the two binaries of --builds, or those that --revisions makes from two commits of this repository."""

import os
import subprocess
import sys
from pathlib import Path

from attnbench.support.errors import UserError

STAMP = ".built"  # beside the sources of a revision once its binary is whole


def binaries(paths: list[Path]) -> list[Path]:
    for path in paths:
        if not path.is_file() or not os.access(path, os.X_OK):
            raise UserError(f"'{path}' is not a program; give two attnbench binaries, such as build/attnbench")
        _check_is_attnbench(path.resolve())
    return [path.resolve() for path in paths]


def _check_is_attnbench(path: Path) -> None:
    """Another program would be run with options that it does not know, and then miss a run that it never made."""
    try:
        done = subprocess.run([path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
                              check=False)  # fmt: skip
        said = done.stdout
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        said = ""
    if not said.startswith("attnbench "):
        raise UserError(f"'{path}' is not attnbench (its --version does not say so); give two attnbench binaries")


def revisions(names: list[str]) -> list[Path]:
    """The binaries of two commits, built where they are not in the cache yet."""
    root = Path(_git(Path.cwd(), "rev-parse", "--show-toplevel"))
    if not (root / "scripts" / "build.sh").is_file():
        raise UserError(f"'{root}' holds no scripts/build.sh; call this inside a clone of attnbench")
    commits = [_git(root, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}") for name in names]
    if commits[0] == commits[1]:
        raise UserError(f"'{names[0]}' and '{names[1]}' are the same commit {commits[0][:12]}; give two")
    return [_built(root, commit) for commit in commits]


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "attnbench" / "revisions"


def _built(root: Path, commit: str) -> Path:
    """A clone of its own, so that the user's repository and working tree stay as they are."""
    sources = cache() / commit[:12]
    binary = sources / "build" / "attnbench"
    if (sources / STAMP).exists() and binary.exists():
        return binary
    print(f"building {commit[:12]} in {sources} ...", file=sys.stderr)
    if not (sources / ".git").exists():
        sources.mkdir(parents=True, exist_ok=True)
        _git(root, "clone", "--quiet", "--shared", "--no-checkout", str(root), str(sources))
    _git(sources, "checkout", "--quiet", "--detach", commit)
    done = subprocess.run(["scripts/build.sh", "attnbench"], cwd=sources, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not binary.exists():
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise UserError(f"commit {commit[:12]} does not build: {last} (sources: {sources})")
    (sources / STAMP).touch()
    return binary


def _git(folder: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise UserError("git is not installed; --revisions needs it") from None
    if done.returncode != 0:
        if words[0] == "rev-parse":
            what = "no git repository here" if "--show-toplevel" in words else f"no commit '{words[-1][:-9]}'"
            raise UserError(f"{what} (in {folder}); call this inside a clone of attnbench, with two of its commits")
        raise UserError(f"git {words[0]} failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    return done.stdout.strip()
