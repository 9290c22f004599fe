"""report.html: one offline file. Figures are inlined SVG, the data is embedded JSON, script and style stand in it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from attnbench.figures.draw import Drawn, Figures
from attnbench.figures.inline import PIXELS, SharedStyles
from attnbench.model import Report
from attnbench.pages import trust
from attnbench.pages.cases import case_table, failure_table, verification_table
from attnbench.pages.columns import Table
from attnbench.pages.environment import environment_rows
from attnbench.pages.external import external_section
from attnbench.pages.glossary import GLOSSARY
from attnbench.pages.growth import complexity_table, crossover_table, growth_table
from attnbench.pages.headline import COMPUTES, error_notes, fit_notes, headline
from attnbench.pages.laws import law_table
from attnbench.support import units

HERE = Path(__file__).parent
OPEN_GROUPS = 2  # of figures that are unfolded when the page opens: those across settings and those of the first one
EXACT = ("cost", "memory", "flops", "workspace")  # quantities that are counted, not measured: their growth has no noise


@dataclass(frozen=True)
class Link:
    """From a report of several runs to the comparison of one of them with the first."""

    runs: str  # letters
    file: str | None  # beside the report; None where the two cannot be compared
    says: str  # what came out, or why not


def html(report: Report, figures: Figures, data: dict, comparisons: list[Link]) -> str:
    groups: dict[str, list[Drawn]] = {}
    for figure in figures.drawn:
        groups.setdefault(figure.group, []).append(figure)
    laws, styles = law_table(report), SharedStyles()
    return render(
        HERE / "report.html.j2",
        HERE / "report.js",
        report=report,
        tags=[f"{report.tag(run.label)} " if report.several_runs else "" for run in report.runs],
        comparisons=comparisons,
        environment=environment_rows(report.runs),
        headline=headline(report),
        notes=error_notes(report) + fit_notes(report),
        external=external_section(report),
        groups={name: drawn for name, drawn in groups.items() if not drawn[0].shows_weights},
        heat_maps={name: drawn for name, drawn in groups.items() if drawn[0].shows_weights},
        open_groups=OPEN_GROUPS,
        missing=figures.missing,
        inline=lambda figure: inline(figure, styles),
        figure_styles=lambda: Markup(styles.sheet()),
        facts=trust.facts(report),
        scales=trust.scale_table(report),
        predictions=trust.prediction_table(report),
        ceiling=trust.ceiling_table(report),
        sessions=trust.session_table(report),
        growth=growth_table(report),
        complexity=only(complexity_table(report), "complexity", lambda check: check.quantity not in EXACT),
        complexity_exact=only(complexity_table(report), "complexity_exact", lambda check: check.quantity in EXACT),
        crossovers=crossover_table(report),
        laws=only(laws, "laws", lambda row: row.growth.quantity not in EXACT),
        laws_exact=only(laws, "laws_exact", lambda row: row.growth.quantity in EXACT),
        cases=case_table(report),
        failures=failure_table(report),
        verification=verification_table(report),
        variants=variant_rows(report),
        glossary=GLOSSARY,
        data=by_column(data),
    )


def only(table: Table, name: str, holds: Callable[[Any], bool]) -> Table:
    """The rows that hold, as a table of its own."""
    return replace(table, name=name, rows=[row for row in table.rows if holds(row)])


def inline(figure: Drawn, styles: SharedStyles) -> Markup:
    """Plot and legend; the legend wraps below the plot where the page is narrow. Tiles wrap like words."""
    parts = figure.parts
    if not parts.tiles:
        return Markup(f'<div class="svg">{styles.shorten(parts.plot + parts.legend)}</div>')
    wide = f"--tile: {max(piece.width for piece in figure.pieces[1:]) * PIXELS:.0f}px"
    kind = "columns" if figure.stacked else "tiles"
    tiles = f'<div class="{kind}" style="{wide}">{styles.shorten("".join(parts.tiles))}</div>'
    return Markup(styles.shorten(parts.plot) + tiles)


def render(template: Path, script: Path, **values: Any) -> str:
    """A page with the shared style and table script in it, and `script` of its own. Templates may use those here."""
    environment = Environment(
        loader=FileSystemLoader([template.parent, HERE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        json=embedded, plural=units.plural, style=_read(HERE / "report.css"),
        scripts=[_read(HERE / "table.js"), _read(script)],
    )  # fmt: skip
    return environment.get_template(template.name).render(values)


def _read(file: Path) -> Markup:
    return Markup(file.read_text(encoding="utf-8"))


def embedded(value: Any) -> Markup:
    """JSON for a script element; no string in it can end the element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def by_column(data: dict) -> dict:
    """The summary with its cases as one list per column: the names stand once, not once per case."""
    rows = data["cases"]
    return {**data, "cases": {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}}


def variant_rows(report: Report) -> list[dict]:
    """What the descriptors say, once per variant whatever the number of runs."""
    listed = {v["label"]: v for run in report.runs for v in run.meta["variants"]}
    rows = [
        {**v, "shown": report.shown(v["label"]), "computes": COMPUTES.get(v["computes"], v["computes"])}
        for v in listed.values()
    ]
    return sorted(rows, key=lambda row: report.variants.index(row["label"])) if report.crowded else rows
