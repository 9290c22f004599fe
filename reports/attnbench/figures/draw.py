"""Draws every figure of a report and writes each as SVG, PNG and PDF."""

import os
import re
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import matplotlib.pyplot as plt
from fontTools import subset
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from attnbench.figures import weights
from attnbench.figures.axes import fit_labels
from attnbench.figures.catalogue import Planned, planned
from attnbench.figures.inline import Parts, Piece, inline_parts
from attnbench.figures.missing import Missing
from attnbench.figures.rows import STACKED
from attnbench.figures.style import looks_of, rc_for
from attnbench.figures.tiles import PIECE
from attnbench.model import Report
from attnbench.support.tables import write_csv

# Fixed, so that the same data gives the same bytes.
METADATA = {
    "svg": {"Date": None, "Creator": "attnbench"},
    "png": {"Software": "attnbench"},
    "pdf": {"CreationDate": None},
}
PNG_DPI = 150
# A PDF places each glyph itself; matplotlib would read and rewrite these tables of its font for every file.
subset.Options._drop_tables_default += ["GDEF", "GPOS", "GSUB", "MATH", "kern"]
WIDE_PT = 730  # points; a wider figure cannot be read in half the page
MOST_PROCESSES, WORTH_A_PROCESS = 8, 8  # figures for which starting another process pays


@dataclass(frozen=True)
class Drawn:
    name: str  # file name without its ending
    group: str  # heading it stands under: a setting, or the problem of the heat maps
    title: str
    caption: str
    svg: str
    legend: tuple[float, float] | None = None  # left and bottom, in points, of one that stands right of all plots
    has_data: bool = False  # a CSV table of what it shows lies beside it
    pieces: tuple[Piece, ...] = ()  # of small multiples, the head first
    stacked: bool = False  # whether they fill columns

    @property
    def wide(self) -> bool:
        return float(re.search(r'<svg[^>]*?\bwidth="([\d.]+)pt"', self.svg)[1]) > WIDE_PT

    @property
    def shows_weights(self) -> bool:
        return self.title == weights.TITLE

    @property
    def endings(self) -> list[str]:
        """Of its files."""
        return ["svg", "pdf", "png"] + ["csv"] * self.has_data

    @property
    def parts(self) -> Parts:
        return inline_parts(self.svg, self.name, f"{self.title}, {self.group}", self.legend, self.pieces)


@dataclass(frozen=True)
class NotDrawn:
    """A figure that has no data: what is lacking, what to run, and under which headings."""

    title: str
    why: str
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Figures:
    drawn: list[Drawn]
    missing: list[NotDrawn]


def draw_all(report: Report, folder: Path, width: float | None = None, everything: bool = False,
             endings: Sequence[str] = tuple(METADATA)) -> Figures:  # fmt: skip
    """Drawing takes half a second each, so several processes share them where there are many. `width` in inches is that
    of a column of a paper; `everything` draws the figures of all settings; `endings` are the formats written."""
    folder.mkdir(parents=True, exist_ok=True)
    looks = looks_of(report)
    plans = list(planned(report, looks, everything))
    rc = rc_for(report.names.values(), width)
    shares = min(os.cpu_count() or 1, MOST_PROCESSES, 1 + len(plans) // WORTH_A_PROCESS)
    if shares == 1:
        outcomes = [_draw(plan, folder, rc, endings) for plan in plans]
    else:
        with ProcessPoolExecutor(shares, get_context("fork"), _inherit, (plans, folder, rc, endings)) as pool:
            outcomes = list(pool.map(_draw_inherited, range(len(plans))))
    missing: dict[tuple[str, str], list[str]] = {}
    for plan, outcome in zip(plans, outcomes, strict=True):
        if isinstance(outcome, Missing):
            missing.setdefault((plan.title, outcome.why), []).append(plan.group)
    not_drawn = [NotDrawn(*what, tuple(dict.fromkeys(groups))) for what, groups in missing.items()]
    return Figures([outcome for outcome in outcomes if isinstance(outcome, Drawn)], not_drawn)


_inherited: tuple[
    list[Planned], Path, dict, Sequence[str]
]  # of a forked process: plans hold functions, which no pickle carries


def _inherit(plans: list[Planned], folder: Path, rc: dict, endings: Sequence[str]) -> None:
    global _inherited
    _inherited = plans, folder, rc, endings


def _draw_inherited(place: int) -> Drawn | Missing:
    plans, *settings = _inherited
    return _draw(plans[place], *settings)


def _draw(plan: Planned, folder: Path, rc: dict, endings: Sequence[str]) -> Drawn | Missing:
    with plt.rc_context(rc), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from")  # the report says it once, in words (model.py)
        outcome = plan.draw()
        if isinstance(outcome, Missing):
            return outcome
        fit_labels(outcome)
        svg, legend, pieces = _write(outcome, folder, plan.name, endings)
        if "svg" in endings and (rows := plan.data()):
            write_csv(folder / f"{plan.name}.csv", rows)
        return Drawn(
            plan.name,
            plan.group,
            plan.title,
            plan.caption,
            svg,
            legend,
            has_data=(folder / f"{plan.name}.csv").exists(),
            pieces=pieces,
            stacked=any(piece.id.startswith(STACKED) for piece in pieces),
        )


def _legend_place(figure: Figure) -> tuple[float, float] | None:
    """Left and bottom in points, from the top left; None unless the figure has one legend, right of every plot."""
    legends = [*figure.legends, *(ax.get_legend() for ax in figure.axes if ax.get_legend())]
    if len(legends) != 1:
        return None
    box, scale = legends[0].get_window_extent(), 72 / figure.dpi
    beside = all(ax.get_window_extent().x1 <= box.x0 for ax in figure.axes)
    return ((box.x0 - 2) * scale, (figure.bbox.height - box.y0 + 4) * scale) if beside else None


def _pieces(figure: Figure) -> tuple[Piece, ...]:
    """The tiles of small multiples, and before them what stands above; empty for any other figure."""
    tiles = [ax for ax in figure.axes if (ax.get_gid() or "").startswith((PIECE, STACKED))]
    if not tiles:
        return ()
    above = [part.get_window_extent() for part in (*figure.texts, *figure.legends)]
    head = Bbox.union(above + [ax.get_tightbbox() for ax in figure.axes if ax not in tiles])
    plots, boxes = [ax.get_window_extent() for ax in tiles], [ax.get_tightbbox() for ax in tiles]
    left = max(plot.x0 - box.x0 for plot, box in zip(plots, boxes, strict=True))
    right = max(box.x1 - plot.x1 for plot, box in zip(plots, boxes, strict=True))
    # The same room beside every plot, so that they stand below each other.
    boxes = [Bbox.from_extents(plot.x0 - left, box.y0, plot.x1 + right, box.y1)
             for plot, box in zip(plots, boxes, strict=True)]  # fmt: skip
    scale, height = 72 / figure.dpi, figure.bbox.height
    named = [
        ("", "", head),
        *((ax.get_gid(), ax.get_title(loc="left"), box) for ax, box in zip(tiles, boxes, strict=True)),
    ]
    return tuple(
        Piece(
            gid, title, box.x0 * scale - 2, (height - box.y1) * scale - 2, box.width * scale + 4, box.height * scale + 4
        )
        for gid, title, box in named
    )


def _write(
    figure: Figure, folder: Path, name: str, endings: Sequence[str] = tuple(METADATA)
) -> tuple[str, tuple[float, float] | None, tuple[Piece, ...]]:
    """The figure's files; returns its SVG, where its legend stands (_legend_place) and its pieces (_pieces)."""
    pieces = _pieces(figure)  # before a file's renderer leaves its own measures in the texts
    for ending in endings:
        figure.savefig(folder / f"{name}.{ending}", metadata=METADATA[ending], dpi=PNG_DPI, facecolor="white")
    legend = None if pieces else _legend_place(figure)
    plt.close(figure)
    return ((folder / f"{name}.svg").read_text(encoding="utf-8") if "svg" in endings else ""), legend, pieces
