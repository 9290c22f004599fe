"""Runs the built binary as a shell would. The binary is ATTNBENCH_BINARY, or build/attnbench."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


class Attnbench:
    """Calls the binary in a folder of its own."""

    def __init__(self, binary: Path, folder: Path):
        self.binary = binary
        self.folder = folder

    def __call__(self, *arguments, **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [str(self.binary), *(str(a) for a in arguments)],
            cwd=self.folder,
            env=os.environ | {"ATTNBENCH_COST_MODEL": f"{self.folder}-cost-model.json"} | environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def ok(self, *arguments, **environment: str) -> str:
        """Standard output of a command that must succeed."""
        done = self(*arguments, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *arguments, **environment: str) -> str:
        """The message of a command that must end with exit code 2 and one line on standard error only."""
        done = self(*arguments, **environment)
        assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
        assert done.stdout == ""
        lines = done.stderr.splitlines()
        assert len(lines) == 1 and lines[0].startswith("attnbench: "), done.stderr
        return lines[0]


@pytest.fixture
def attnbench(tmp_path) -> Attnbench:
    binary = Path(os.environ.get("ATTNBENCH_BINARY", ROOT / "build" / "attnbench")).resolve()
    if not binary.exists():
        pytest.fail(f"{binary} is not built; run scripts/build.sh or set ATTNBENCH_BINARY")
    return Attnbench(binary, tmp_path)
