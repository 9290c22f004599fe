"""Heatmap: the attention matrix that a variant really applied to a small problem, first head, with its token labels."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from attnbench.load.run import Run


@dataclass(frozen=True)
class Heatmap:
    run: str
    dataset: str
    problem: str
    variant: str  # label
    name: str
    params: dict
    computes: str
    weights: np.ndarray | None  # [n_q, n_k] of head 0; None when there is none
    labels: tuple[str, ...]  # words of the keys; empty when the dataset has none
    missing: str = ""  # why there is none


def heatmaps_of(run: Run) -> list[Heatmap]:
    maps = []
    for record in run.records:
        if record["kind"] != "weights":
            continue
        stored = record.get("weights")
        weights, missing, labels = None, "; ".join(record["reasons"]) or record["status"], ()
        if record["status"] == "ok" and stored:
            weights, missing = _read(run.path, stored["file"], record["problem_fields"])
            labels = tuple(stored["labels"])
        maps.append(Heatmap(run.label, record["dataset"], record["problem"], record["variant"],
                            record["variant_name"], record["params"], record["computes"], weights, labels,
                            missing))  # fmt: skip
    return maps + _without_record(run, maps)


def _without_record(run: Run, maps: list[Heatmap]) -> list[Heatmap]:
    """A place for each variant of the run whose matrix was not asked for, beside those that were."""
    missing = "its output is not one weighting of the values per head, so there is no matrix to read off"
    problems = dict.fromkeys((m.dataset, m.problem) for m in maps)
    present = {(m.dataset, m.problem, m.variant) for m in maps}
    return [
        Heatmap(
            run.label,
            dataset,
            problem,
            variant["label"],
            variant["name"],
            variant["params"],
            variant["computes"],
            None,
            (),
            missing,
        )  # fmt: skip
        for dataset, problem in problems
        for variant in run.meta["variants"]
        if (dataset, problem, variant["label"]) not in present and "weights_readable" not in variant["laws"]
    ]


def _read(folder: Path, name: str, shape: dict) -> tuple[np.ndarray | None, str]:
    """Head 0 of [heads, n_q, n_k], or None and why not. The file must lie inside the run directory."""
    file = (folder / name).resolve()
    if not file.is_relative_to(folder.resolve()):
        return None, f"{name} lies outside the run directory"
    try:
        weights = np.load(file, allow_pickle=False, mmap_mode="r")
    except (OSError, ValueError) as error:
        return None, f"{name} cannot be read: {' '.join(str(error).split())}"
    expected = (shape["n_q"], shape["n_k"])
    if weights.ndim != 3 or weights.shape[0] < 1 or weights.shape[1:] != expected:
        return None, f"{name} has shape {list(weights.shape)}, expected [heads, {expected[0]}, {expected[1]}]"
    return np.array(weights[0], dtype=np.float64), ""
