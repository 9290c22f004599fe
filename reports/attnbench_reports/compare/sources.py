"""Where the two sides come from when they are stored: run directories, one run's variants, Google Benchmark files, or
the folder of a paired measurement."""

from pathlib import Path

from attnbench_reports.compare.pairing import PAIRING, sides_of_pairing
from attnbench_reports.compare.sides import Side, sides_of_runs, sides_of_variants
from attnbench_reports.errors import UserError
from attnbench_reports.exchange.google_benchmark import side_of_file
from attnbench_reports.load.run import load_runs
from attnbench_reports.stats.comparison import Design

HOW = "give BASE and NEW, or one run with --variants A B, or the folder of a paired comparison"


def stored(paths: list[Path], variants: list[str] | None) -> tuple[Side, Side, Design]:
    if variants:
        if len(paths) != 1:
            raise UserError(f"--variants compares two variants inside one run, but {len(paths)} paths were given")
        # Rounds of one run interleave the variants of a shape, so that a round is a pair.
        return (*sides_of_variants(load_runs(paths)[0], *variants), "paired")
    if len(paths) == 1 and (paths[0] / PAIRING).is_file():
        return (*sides_of_pairing(paths[0]), "paired")
    if len(paths) != 2:
        raise UserError(f"{len(paths)} path{'' if len(paths) == 1 else 's'} to compare; {HOW}")
    files = [path.is_file() for path in paths]
    if all(files):
        return side_of_file(paths[0]), _distinct(side_of_file(paths[1]), paths), "unpaired"
    if any(files):
        raise UserError(f"'{paths[0]}' and '{paths[1]}' are a file and a folder; `attnbench export RUN --format "
                        "google-benchmark` turns a run into a file")  # fmt: skip
    return (*sides_of_runs(*paths), "unpaired")


def _distinct(new: Side, paths: list[Path]) -> Side:
    """Files of one name in two folders are told apart by their paths."""
    return new.renamed(str(paths[1])) if paths[0].name == paths[1].name else new
