"""If this fails, `cmake --install build` misses a file after scripts/run.sh, which builds only the target attnbench."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("ATTNBENCH_BINARY", ROOT / "build/attnbench")).parent


def installed_targets() -> set[str]:
    """What the installation takes from the build folder, as Ninja names it."""
    taken = set()
    for script in BUILD.rglob("cmake_install.cmake"):
        for kind, files in re.findall(
            r'file\(INSTALL .*? TYPE (\w+) (?:OPTIONAL )?FILES ((?:"[^"]*"\s*)+)\)', script.read_text()
        ):
            if kind in ("EXECUTABLE", "MODULE", "SHARED_LIBRARY", "STATIC_LIBRARY"):
                taken |= {str(Path(f).relative_to(BUILD)) for f in re.findall(r'"([^"]*)"', files)}
    return taken


@pytest.mark.skipif(not (BUILD / "build.ninja").exists(), reason="the build folder is not Ninja's")
def test_the_target_of_run_sh_builds_everything_that_is_installed():
    targets = installed_targets()
    assert "attnbench" in targets and len(targets) > 1
    built = subprocess.run(
        ["ninja", "-C", BUILD, "-t", "inputs", "attnbench"], capture_output=True, text=True, check=True
    )
    assert targets <= {"attnbench", *built.stdout.split()}
