"""If these fail, set-up loses a working environment, blames the wrong thing, or stops a build that could go on."""

import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKED = ["reports/requirements.txt", "tests/requirements.txt"]
EXTERNAL = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "variants/external/requirements").glob("*.txt"))


def write_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


class Tree:
    """A copy of the scripts and the requirements, on a machine where every Debian package is installed."""

    def __init__(self, folder: Path):
        self.folder = folder / "tree"
        self.temporary = folder / "temporary"
        self.programs = folder / "programs"
        self.temporary.mkdir()
        shutil.copytree(ROOT / "scripts", self.folder / "scripts")
        for name in LOCKED + EXTERNAL:
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.folder / name)
        write_program(self.programs / "dpkg-query", "echo installed")
        write_program(self.programs / "apt-get", 'echo "apt-get must not run" >&2; exit 1')

    def __call__(self, script: str, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [self.folder / "scripts" / script, *arguments],
            env={
                "PATH": f"{self.programs}:/usr/local/bin:/usr/bin:/bin",
                "TMPDIR": str(self.temporary),
                "HOME": "/nowhere",
            },
            capture_output=True,
            text=True,
            timeout=60,
        )

    def fake_environment(self, pip: str, folder: str = ".venv") -> None:
        """`python3 -m venv` makes an environment with this pip."""
        write_program(
            self.programs / "python3",
            f"""case "$*" in
*"-m venv"*) mkdir -p {folder}/bin; cd {folder}/bin
             cp "{self.programs}/python3" python; cp "{self.programs}/pip" . ;;
*--version*) echo Python 3.11.2 ;;
esac""",
        )
        write_program(self.programs / "pip", pip)


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def test_packages_are_installed_by_hash_and_once(tree):
    tree.fake_environment('echo "$@" >>pip-arguments')
    done = tree("setup.sh")
    assert done.returncode == 0, done.stderr
    assert tree("setup.sh").returncode == 0
    calls = (tree.folder / "pip-arguments").read_text().splitlines()
    assert len(calls) == 1 and "--require-hashes" in calls[0].split()
    assert list(tree.temporary.iterdir()) == []


def test_another_python_or_other_requirements_are_installed_anew(tree):
    tree.fake_environment('echo "$@" >>pip-arguments')
    tree("setup.sh")
    program = tree.programs / "python3"
    program.write_text(program.read_text().replace("3.11.2", "3.13.5"))
    tree("setup.sh")
    assert len((tree.folder / "pip-arguments").read_text().splitlines()) == 2
    with (tree.folder / LOCKED[0]).open("a") as requirements:
        requirements.write("# another\n")
    tree("setup.sh")
    assert len((tree.folder / "pip-arguments").read_text().splitlines()) == 3


def test_an_unreachable_index_is_named_and_leaves_the_build_possible(tree):
    tree.fake_environment('echo "ERROR: No matching distribution found for numpy==2.1.3" >&2; exit 1')
    done = tree("setup.sh")
    assert done.returncode == 3
    assert "No matching distribution found for numpy" in done.stderr
    assert "builds and sweeps work without them" in done.stderr
    assert not (tree.folder / ".venv/requirements.sha256").exists()


def test_a_failed_update_keeps_the_environment_that_worked(tree):
    tree.fake_environment("exit 1")
    write_program(tree.folder / ".venv/bin/python", "echo Python 3.11.2")
    write_program(tree.folder / ".venv/bin/pip", "exit 1")
    (tree.folder / ".venv/installed").touch()
    assert tree("setup.sh").returncode == 3
    assert (tree.folder / ".venv/installed").exists()


def test_an_environment_that_cannot_be_written_is_not_blamed_on_a_package(tree):
    (tree.folder / ".venv").write_text("a file in the way")
    done = tree("setup.sh")
    assert done.returncode == 3
    assert "python3 -m venv failed: Error" in done.stderr and ".venv" in done.stderr
    assert "install python3-venv" not in done.stderr


def test_the_log_has_a_name_that_cannot_be_guessed_and_is_private(tree):
    tree.fake_environment("exit 1")
    logs = [re.search(r"Log: (\S+)", tree("setup.sh").stderr).group(1) for _ in range(2)]
    assert logs[0] != logs[1]
    for log in logs:
        assert re.fullmatch(r"attnbench-setup\.\w{6,}", Path(log).name) and Path(log).parent == tree.temporary
        assert stat.S_IMODE(Path(log).stat().st_mode) == 0o600


@pytest.mark.parametrize(("setup_code", "code"), [(0, 0), (3, 0), (1, 1)])
def test_run_goes_on_without_python_packages_and_stops_without_a_compiler(tree, setup_code, code):
    write_program(tree.folder / "scripts/setup.sh", f"exit {setup_code}")
    write_program(tree.folder / "scripts/build.sh", "echo built")
    write_program(tree.folder / "build/attnbench", 'echo "$@"')
    done = tree("run.sh", "--plan", "smoke")
    assert done.returncode == code
    assert done.stdout == ("built\nrun --plan smoke\n" if code == 0 else "")


def test_tests_do_not_start_without_python_packages(tree):
    write_program(tree.folder / "scripts/setup.sh", "exit 3")
    write_program(tree.folder / "scripts/build.sh", "echo built")
    done = tree("test.sh")
    assert done.returncode == 1 and "built" not in done.stdout


def test_external_baselines_are_installed_by_hash(tree):
    write_program(tree.folder / "scripts/setup.sh", "exit 0")
    write_program(tree.programs / "cmake", "exit 0")
    (tree.folder / "build/external").mkdir(parents=True)
    tree.fake_environment('echo "$@" >>pip-arguments', folder=".venv-external")
    done = tree("external.sh", "torch", "onnxruntime", "openvino", "jax")
    assert done.returncode == 0, done.stderr
    calls = [line.split() for line in (tree.folder / "pip-arguments").read_text().splitlines()]
    installs = [call for call in calls if call[0] == "install"]
    assert all("--require-hashes" in call for call in installs)
    assert sorted(word for call in installs for word in call if word.endswith(".txt")) == EXTERNAL


def pinned_versions(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", LOCKED + EXTERNAL)
def test_every_requirement_has_hashes_and_the_pinned_version(name):
    text = (ROOT / name).read_text()
    with_hashes = re.findall(r"^[\w.-]+==\S+(?: ;.*)? \\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
    assert len(with_hashes) == len(re.findall(r"^\w", text, re.MULTILINE)) > 0
    source = (ROOT / name).with_suffix(".in")
    if source.exists():
        assert pinned_versions(source.read_text()).items() <= pinned_versions(text).items()


def test_external_baselines_share_one_environment():
    versions = {}
    for name in EXTERNAL:
        for package, version in pinned_versions((ROOT / name).read_text()).items():
            assert versions.setdefault(package, version) == version, (name, package)


def test_try_fresh_refuses_what_is_no_release():
    for arguments in ([], ["--keep"], ["Debian 13"], ["trixie", "bookworm"], ["--unknown"]):
        done = subprocess.run([ROOT / "scripts/try-fresh.sh", *arguments], capture_output=True, text=True, timeout=60)
        assert done.returncode == 2 and "try-fresh.sh RELEASE" in done.stderr, (arguments, done)
