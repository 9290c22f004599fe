"""Plugins: two builds of one plugin, measured by the same attnbench, each in its own processes."""

import json
import subprocess
from pathlib import Path

from attnbench.measure.execution import Command, run_command
from attnbench.support.errors import UserError


def plugin_commands(files: list[Path], attnbench: Path, options: list[str]) -> list[Command]:
    """`attnbench run --plugin FILE` for both; without --variants among the options, of the variants both files hold."""
    for file in files:
        if not file.is_file():
            raise UserError(
                f"'{file}' does not exist; give two builds of a plugin, such as old/libmine.so new/libmine.so"
            )
    if not any(word.split("=")[0] in ("--variants", "--plan") for word in options):
        options = ["--variants", ",".join(_shared_variants(files, attnbench)), *options]
    return [run_command([str(attnbench), "run", "--plugin", str(file.resolve()), *options]) for file in files]


def _shared_variants(files: list[Path], attnbench: Path) -> list[str]:
    own = _variants(attnbench, None)
    first, second = (_variants(attnbench, file) - own for file in files)
    if not first & second:
        held = "; ".join(f"'{file}' holds {', '.join(sorted(names)) or 'none'}"
                         for file, names in zip(files, (first, second), strict=True))  # fmt: skip
        raise UserError(f"the two plugins share no variant ({held}); compare two builds of the same plugin")
    return sorted(first & second)


def _variants(attnbench: Path, plugin: Path | None) -> set[str]:
    """The names that `attnbench list` knows, with a plugin or without."""
    call = [str(attnbench), "list", "variants", "--json", *(["--plugin", str(plugin.resolve())] if plugin else [])]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UserError(
            (done.stderr.strip().splitlines() or [f"'{plugin}' cannot be loaded"])[-1].removeprefix("attnbench: ")
        )
    return {variant["name"] for variant in json.loads(done.stdout)}
