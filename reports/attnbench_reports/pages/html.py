"""report.html: one offline file. Figures are inlined SVG, the data is embedded JSON, script and style stand in it."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from attnbench_reports import units
from attnbench_reports.figures.draw import Drawn, inline_svg
from attnbench_reports.model import Report
from attnbench_reports.pages.cases import case_table, failure_table, verification_table
from attnbench_reports.pages.data import to_json
from attnbench_reports.pages.environment import environment_rows
from attnbench_reports.pages.glossary import GLOSSARY
from attnbench_reports.pages.headline import COMPUTES, fit_notes, headline

HERE = Path(__file__).parent


def html(report: Report, figures: list[Drawn], data: dict) -> str:
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    groups: dict[str, list[Drawn]] = {}
    for figure in figures:
        groups.setdefault(figure.group, []).append(figure)
    return environment.get_template("report.html.j2").render(
        report=report,
        environment=environment_rows(report.runs),
        headline=headline(report),
        notes=fit_notes(report),
        groups=groups,
        inline=lambda figure: Markup(inline_svg(figure)),
        cases=case_table(report),
        failures=failure_table(report),
        verification=verification_table(report),
        variants=variant_rows(report),
        glossary=GLOSSARY,
        plural=units.plural,
        style=Markup((HERE / "report.css").read_text(encoding="utf-8")),
        script=Markup((HERE / "report.js").read_text(encoding="utf-8")),
        data=Markup(to_json(data).replace("<", "\\u003c")),  # no string of the data can end the script element
    )


def variant_rows(report: Report) -> list[dict]:
    """What the descriptors say, once per variant whatever the number of runs."""
    listed = {v["label"]: v for run in report.runs for v in run.meta["variants"]}
    return [{**v, "computes": COMPUTES.get(v["computes"], v["computes"])} for v in listed.values()]
