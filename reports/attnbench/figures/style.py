"""The look of the figures: one colour, marker and dash pattern per variant, told apart without colour too.

A variant looks the same in every report. The built-in variants have Okabe & Ito's colours (2008, Color Universal
Design; yellow left out as too pale on white) with brown, grey and purple added; other labels, those of plugins and of
non-default parameters, get a place in a second palette from a hash of the label. Cycles of 11 markers and 5 dash
patterns make 55 combinations, of which the built-in variants have the first ten.

A report with a crowded panel (stats/series.py) goes by family instead: the marker is the family's, colour and dashes
are those of the variant's place in it, and the baseline is black. The same look then holds in all figures of the
report.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import matplotlib as mpl

from attnbench.load.families import family_rank
from attnbench.model import Report
from attnbench.support.fonts import FONT, families_for

mpl.use("Agg")

COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7B4B2A", "#777777", "#5B2A86")
BUILT_IN = (
    "naive", "blockwise", "scaled_dot_product", "sliding_window", "block_sparse", "linear", "strided", "additive",
    "dot_product", "multi_head",
)  # fmt: skip
FURTHER = ("#B30059", "#00695C", "#3949AB", "#9E7700", "#7CB342", "#FF7043", "#8E44AD", "#00ACC1", "#5D6D7E", "#A1887F",
           "#EC407A", "#2E7D32")  # fmt: skip
# Of a family: those of COLOURS that are told apart with any kind of colour vision, next to each other the most unlike.
FAMILY_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
BASELINE_COLOUR, OTHERS_COLOUR = "#000000", "#c8ccd2"
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h")
DASHES = ((0, ()), (0, (5, 1.6)), (0, (1.2, 1.4)), (0, (6, 1.6, 1.2, 1.6)), (0, (3, 1.2, 1.2, 1.2, 1.2, 1.2)))
SHAPES = [(i % len(MARKERS), i % len(DASHES)) for i in range(len(MARKERS) * len(DASHES))]  # places of marker and dash

RC = {
    "figure.dpi": 100,
    "figure.figsize": (7.4, 3.7),
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titley": 1.0,  # no ticks above a plot, so each drawing need not look for them
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.labelcolor": "#222222",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "legend.frameon": False,
    "legend.fontsize": 8.8,
    "svg.fonttype": "none",  # text stays text: searchable, and small when inlined
    "svg.hashsalt": "attnbench",  # the same data gives the same bytes
    "pdf.fonttype": 42,
    "hatch.linewidth": 0.5,
    "text.parse_math": False,  # a token may be a dollar sign
}


def paper(width: float) -> dict:
    """Settings for one column of a paper, `width` inches wide: no text below 7 points."""
    return {"figure.figsize": (width, 0.7 * width), "font.size": 7.5, "axes.titlesize": 7.5, "legend.fontsize": 7,
            "xtick.labelsize": 7, "ytick.labelsize": 7, "lines.markersize": 4}  # fmt: skip


def rc_for(names: Iterable[str], width: float | None = None) -> dict:
    """The settings of a report's figures: its names in fonts that have their signs, its width that of a column."""
    families = dict.fromkeys(family for name in names for family in families_for(name) or ())
    return RC | (paper(width) if width else {}) | {"font.sans-serif": list(families) or [FONT]}


@dataclass(frozen=True)
class Look:
    colour: str
    marker: str
    dash: tuple
    hollow: bool  # every second run, so that two runs of a variant differ by more than their labels

    def line(self) -> dict:
        return {"color": self.colour, "linestyle": self.dash, "linewidth": 1.5, **self.point()}

    def point(self) -> dict:
        face = "white" if self.hollow else self.colour
        return {"marker": self.marker, "markersize": 5.5, "markerfacecolor": face,
                "markeredgecolor": self.colour, "markeredgewidth": 1.2}  # fmt: skip


class Looks:
    """The look of every variant of a report, by its label: the same in every report as long as no other variant of the
    report claims it too. Of two that do, the later in the alphabet takes the next free look."""

    def __init__(self, variants: list[str], runs: list[str]):
        self._runs = runs
        self._colours = {name: COLOURS[i] for i, name in enumerate(BUILT_IN)}
        self._shapes = {name: SHAPES[i] for i, name in enumerate(BUILT_IN)}
        for label in sorted(set(variants) - set(BUILT_IN)):
            place = crc32(label.encode())
            self._colours[label] = _next_free(FURTHER, place, set(self._colours.values()))
            self._shapes[label] = _next_free(SHAPES[len(BUILT_IN) :], place, set(self._shapes.values()))

    def colour(self, variant: str) -> str:
        return self._colours[variant]

    def of(self, run: str, variant: str) -> Look:
        """With several runs the dashes tell the runs apart."""
        (marker, dash), r = self._shapes[variant], self._runs.index(run)
        dash = dash if len(self._runs) == 1 else r % len(DASHES)
        return Look(self.colour(variant), MARKERS[marker], DASHES[dash], r % 2 == 1)


class FamilyLooks(Looks):
    """The looks of a crowded report."""

    def __init__(self, families: dict[str, str], runs: list[str], baseline: str | None):
        """`families`: label -> family, in the order of the report."""
        self._runs = runs
        self._markers = {
            family: MARKERS[i % len(MARKERS)]
            for i, family in enumerate(sorted(set(families.values()), key=family_rank))
        }
        self._colours, self._shapes = {}, {}
        places = dict.fromkeys(self._markers, 0)
        for label, family in families.items():
            place, marker = places[family], MARKERS.index(self._markers[family])
            if label == baseline:
                self._colours[label], self._shapes[label] = BASELINE_COLOUR, (marker, 0)
                continue
            self._colours[label] = FAMILY_COLOURS[place % len(FAMILY_COLOURS)]
            self._shapes[label] = marker, place // len(FAMILY_COLOURS) % len(DASHES)
            places[family] += 1

    def marker(self, family: str) -> str:
        return self._markers[family]

    def of(self, run: str, variant: str) -> Look:
        """With several runs the dashes of each begin elsewhere."""
        (marker, dash), r = self._shapes[variant], self._runs.index(run)
        return Look(self.colour(variant), MARKERS[marker], DASHES[(dash + r) % len(DASHES)], r % 2 == 1)


def looks_of(report: Report) -> Looks:
    runs = [run.label for run in report.runs]
    if not report.crowded:
        return Looks(report.variants, runs)
    return FamilyLooks({label: report.families[label] for label in report.variants}, runs, report.baseline)


def _next_free(choices: Sequence, place: int, taken: set) -> Any:
    """From `place` on, in a circle; where all are taken, the one at `place`."""
    start = place % len(choices)
    circle = [*choices[start:], *choices[:start]]
    return next((choice for choice in circle if choice not in taken), circle[0])
