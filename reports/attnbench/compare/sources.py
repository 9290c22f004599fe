"""Where the two sides come from when they are stored: run directories or Google Benchmark files (several of them on one
side are its starts), one run's variants, or the folder of a paired measurement."""

from pathlib import Path

from attnbench.compare.benchmark_file import side_of_file
from attnbench.compare.paired import sides_of_pairing
from attnbench.compare.sides import Side, joined, sides_of_runs, sides_of_variants
from attnbench.load.run import load_runs
from attnbench.measure.pairing import PAIRING
from attnbench.stats.comparison import Design
from attnbench.support.errors import UserError

HOW = "give BASE and NEW, --base A... --new B..., one run with --variants A B, or the folder of a paired comparison"


def stored(
    paths: list[Path], base: list[Path], new: list[Path], variants: list[str] | None
) -> tuple[Side, Side, Design]:
    if variants:
        if len(paths) != 1:
            raise UserError(f"--variants compares two variants inside one run, but {len(paths)} paths were given")
        # Rounds of one run interleave the variants of a shape, so that a round is a pair.
        return (*sides_of_variants(load_runs(paths)[0], *variants), "paired")
    if base or new:
        if paths or not base or not new:
            raise UserError("--base and --new go together, without other paths: --base A... --new B...")
    elif len(paths) == 1 and (paths[0] / PAIRING).is_file():
        return (*sides_of_pairing(paths[0]), "paired")
    elif len(paths) != 2:
        raise UserError(f"{len(paths)} path{'' if len(paths) == 1 else 's'} to compare; {HOW}")
    else:
        base, new = paths[:1], paths[1:]
    return (*_sides(base, new), "unpaired")


def _sides(base: list[Path], new: list[Path]) -> tuple[Side, Side]:
    for name, paths in (("--base", base), ("--new", new)):
        _refuse_repeated(name, paths)
    files = [path.is_file() for path in (*base, *new)]
    if not any(files):
        sides = sides_of_runs(base, new)
    elif all(files):
        sides = joined(list(map(side_of_file, base))), joined(list(map(side_of_file, new)))
    else:
        raise UserError("the paths are a file and a folder; give files only or run directories only (`attnbench export "
                        "RUN --format google-benchmark` turns a run into a file)")  # fmt: skip
    for name, side in zip(("--base", "--new"), sides, strict=True):
        _refuse_copies(name, side)
    # Files of one name in two folders are told apart by their paths.
    same = sides[0].label == sides[1].label
    return sides[0], sides[1].renamed(str(new[0])) if same else sides[1]


def _refuse_repeated(name: str, paths: list[Path]) -> None:
    """The same measurement twice is not two starts."""
    seen: dict[Path, Path] = {}
    for path in paths:
        if path.resolve() in seen:
            raise UserError(f"{name} names '{path}' twice; each file or run counts once, as one start")
        seen[path.resolve()] = path


def _refuse_copies(name: str, side: Side) -> None:
    for place, part in enumerate(side.parts):
        for other in side.parts[:place]:
            if any(entry.rounds for entry in part.entries.values()) and part.entries == other.entries:
                raise UserError(f"{name}: '{part.label}' and '{other.label}' hold the same times; a copy is not "
                                "another start, leave it out")  # fmt: skip
