"""The look of the figures: one colour, marker and dash pattern per variant, told apart without colour too.

Colours are Okabe & Ito's (2008, Color Universal Design; yellow left out as too pale on white) with brown, grey and
purple added; `naive` is always black. Cycles of length 10, 11 and 5 make the combinations of the first 110 variants
distinct.
"""

from dataclasses import dataclass

import matplotlib as mpl

mpl.use("Agg")

COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7B4B2A", "#777777", "#5B2A86")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h")
DASHES = ((0, ()), (0, (5, 1.6)), (0, (1.2, 1.4)), (0, (6, 1.6, 1.2, 1.6)), (0, (3, 1.2, 1.2, 1.2, 1.2, 1.2)))

RC = {
    "figure.dpi": 100,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
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
    """Looks of all variants of a report, by their place in its order."""

    def __init__(self, variants: list[str], runs: list[str]):
        ordered = ["naive", *(v for v in variants if v != "naive")]
        self._index = {variant: i for i, variant in enumerate(ordered)}
        self._runs = runs

    def colour(self, variant: str) -> str:
        return COLOURS[self._index[variant] % len(COLOURS)]

    def of(self, run: str, variant: str) -> Look:
        i, r = self._index[variant], self._runs.index(run)
        dash = DASHES[(i if len(self._runs) == 1 else r) % len(DASHES)]
        return Look(self.colour(variant), MARKERS[i % len(MARKERS)], dash, r % 2 == 1)
