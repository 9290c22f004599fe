"""Figures for a paper: a folder of PDF files as wide as a column, with the legend below and no text under 7 points."""

import re
from pathlib import Path

from attnbench.support.errors import UserError

INCHES = {"in": 1.0, "cm": 1 / 2.54, "mm": 1 / 25.4, "pt": 1 / 72.27, "": 1.0}  # pt is TeX's point
LEAST, MOST = 2.5, 12.0
COLUMN = "3.33in"  # of the two-column styles of ACM and IEEE


def inches(text: str) -> float:
    """`3.33in`, `8.5cm`, `241pt`; inches where no unit is given."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(in|cm|mm|pt|)", text.strip())
    if not found:
        raise UserError(f"--width '{text}' is not a length; write one such as {COLUMN}, 8.5cm or 241pt")
    width = float(found[1]) * INCHES[found[2]]
    if not LEAST <= width <= MOST:
        raise UserError(f"--width '{text}' is {width:.2f} in; choose one from {LEAST:g}in to {MOST:g}in")
    return width


def write_figures(run: Path, folder: Path, width: str, baseline: str | None) -> list[str]:
    """Draws the figures of every setting; returns the names of the files."""
    wide = inches(width)
    from attnbench.figures.draw import draw_all
    from attnbench.model import build_model

    report = build_model([run], baseline)
    try:
        drawn = draw_all(report, folder, wide, everything=True, endings=("pdf",)).drawn
    except OSError as error:
        raise UserError(f"cannot write figures to '{folder}' ({error.strerror}); choose another --out") from None
    return [f"{figure.name}.pdf" for figure in drawn]
