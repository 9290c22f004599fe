"""Compares the includes of the C++ sources and the imports of the Python package with the arrows that
docs/architecture.md draws: each include needs an arrow, each arrow an include.

The arrows are lines such as `harness/worker <- harness/support variants/api`: the folder on the left
may include from itself and from the folders on the right, and from nothing else of this repository. A folder counts
with all folders below it that have no line of their own; a single Python module may have a line too.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ARROW = re.compile(r"^([\w/.]+) +<-((?: +[\w/.]+)*)$", re.MULTILINE)
INCLUDE = re.compile(r'^\s*#include "([^"]+)"', re.MULTILINE)
SOURCES = ("*.cpp", "*.h", "*.hpp", "*.c")
PACKAGE = "reports/attnbench"  # of Python; imported by the last part of its path


def arrows_of(text: str) -> dict[str, set[str]]:
    """Folder -> folders it may include from."""
    return {folder: set(used.split()) for folder, used in ARROW.findall(text)}


def layer_of(path: str, layers: dict[str, set[str]]) -> str | None:
    """The longest drawn folder that holds the file, or the file itself."""
    return max((layer for layer in layers if f"{path}/".startswith(layer + "/")), key=len, default=None)


def violations(includes: dict[str, list[str]], layers: dict[str, set[str]]) -> list[str]:
    """One line per include that crosses layers without an arrow. `includes`: source path -> paths it includes."""
    found = []
    for source, paths in sorted(includes.items()):
        layer = layer_of(source, layers)
        if layer is None:
            continue
        for path in paths:
            used = layer_of(path, layers)
            if used is not None and used != layer and used not in layers[layer]:
                found.append(f"{source} includes {path}: no arrow {layer} <- {used}")
    return found


def unused(includes: dict[str, list[str]], layers: dict[str, set[str]]) -> list[str]:
    """Arrows that no include follows."""
    followed = {
        (layer_of(source, layers), layer_of(path, layers)) for source, paths in includes.items() for path in paths
    }
    return [f"{layer} <- {used}: no include follows this arrow" for layer in layers for used in sorted(layers[layer])
            if (layer, used) not in followed]  # fmt: skip


def cycles(layers: dict[str, set[str]]) -> list[str]:
    """Layers that reach themselves."""

    def reached(layer: str, seen: set[str]) -> set[str]:
        for used in layers.get(layer, set()) - seen:
            seen |= {used} | reached(used, seen | {used})
        return seen

    return [f"{layer} uses itself by way of others" for layer in layers if layer in reached(layer, set())]


def listed(root: Path, *patterns: str) -> list[str]:
    """What git tracks and the working tree has."""
    found = subprocess.run(["git", "ls-files", *patterns], cwd=root, capture_output=True, text=True, check=True)
    return [path for path in found.stdout.split() if (root / path).is_file()]


def includes_of(root: Path) -> dict[str, list[str]]:
    return {path: INCLUDE.findall((root / path).read_text()) for path in listed(root, *SOURCES)}


def modules_named(source: str) -> list[str]:
    """Dotted names that a Python source imports, also inside functions. `from a import b` may name a module a.b."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            raise ValueError(f"line {node.lineno} is a relative import; write its whole name")
    return names


def imports_of(root: Path) -> dict[str, list[str]]:
    """Module path -> paths of the modules of the package that it imports."""
    parent = Path(PACKAGE).parent

    def path_of(name: str) -> str | None:
        module = parent / name.replace(".", "/")
        places = (module.with_suffix(".py"), module / "__init__.py", module.parent.with_suffix(".py"))
        return next((str(place) for place in places if (root / place).is_file()), None)

    paths = listed(root, f"{PACKAGE}/*.py")
    return {path: [f for n in modules_named((root / path).read_text()) if (f := path_of(n))] for path in paths}


def main() -> int:
    layers = arrows_of((ROOT / "docs" / "architecture.md").read_text())
    unknown = [
        f"{layer} <- {used}: {used} has no line" for layer in layers for used in sorted(layers[layer] - layers.keys())
    ]
    missing = [
        f"docs/architecture.md draws {layer}, which is not there" for layer in layers if not (ROOT / layer).exists()
    ]
    includes = includes_of(ROOT) | imports_of(ROOT)
    found = [*unknown, *missing, *cycles(layers), *violations(includes, layers), *unused(includes, layers)]
    print("\n".join(found) or f"{len(layers)} layers, every include follows an arrow")
    return 1 if found or not layers else 0


if __name__ == "__main__":
    sys.exit(main())
