"""Report: everything the figures and pages show, derived once from the runs."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from string import ascii_uppercase

from attnbench.load.cases import Case, cases_of
from attnbench.load.families import family_rank
from attnbench.load.heatmaps import Heatmap, heatmaps_of
from attnbench.load.names import shown_name
from attnbench.load.run import Run, load_runs
from attnbench.stats.baseline import baseline_of
from attnbench.stats.complexity import Check, checks_of
from attnbench.stats.dependence import Dependence, dependence_of, without_interval
from attnbench.stats.intervals import MIN_ROUNDS
from attnbench.stats.points import Point, points_of
from attnbench.stats.rivals import Rivals, crossing_rivals
from attnbench.stats.roof import Roofs, above_ceiling, roofs_of
from attnbench.stats.series import Panel, Series, is_crowded, panels_of
from attnbench.stats.trust import Trust, trust_of
from attnbench.support.text import natural, plain
from attnbench.support.units import percent, plural


@dataclass(frozen=True)
class Report:
    runs: list[Run]
    points: list[Point]
    panels: list[Panel]
    heatmaps: list[Heatmap]
    variants: list[str]  # labels in the order of the plans; in a crowded report by family, each in that order
    families: dict[str, str]  # label or name -> family
    names: dict[str, str]  # label -> the name with all parameters, as people read it
    baseline: str | None  # label of the variant that speed-ups are over; None where no exact variant was timed
    checks: list[Check]  # declared against measured growth
    dependences: dict[str, Dependence]  # run -> whether its rounds depend on each other, where there are rounds enough
    warnings: list[str]

    @property
    def several_runs(self) -> bool:
        return len(self.runs) > 1

    @property
    def crowded(self) -> bool:
        """Whether any panel has more than MANY series: the report is then grouped by family."""
        return any(panel.crowded for panel in self.panels)

    @property
    def series(self) -> list[Series]:
        return [s for panel in self.panels for s in panel.series]

    @property
    def failed(self) -> list[Point]:
        return [p for p in self.points if p.case.status != "ok"]

    @cached_property
    def trust(self) -> Trust | None:
        """None when nothing was timed."""
        return trust_of(self.points, self.roofs, [p.speeds for p in self.panels], self.dependences.values())

    @cached_property
    def roofs(self) -> Roofs:
        """The machine's ceilings, by run and threads."""
        return roofs_of(self.points, {run.label: run.calibration for run in self.runs})

    @cached_property
    def crossings(self) -> list[tuple[Panel, Rivals]]:
        """Pairs of variants that change order along n."""
        return [(panel, found) for panel in self.panels for found in crossing_rivals(panel)]

    def shown(self, variant: str) -> str:
        """The variant of that label with the values of its parameters."""
        return self.names.get(variant, variant)

    @property
    def yardstick(self) -> str:
        """The baseline as pages and figures name it."""
        return self.shown(self.baseline) if self.baseline else "the baseline"

    def name(self, run: str, variant: str) -> str:
        """How a series is called in figures: the variant, with the letter of its run where several are shown."""
        return f"{self.shown(variant)} [{self.tag(run)}]" if self.several_runs else self.shown(variant)

    def tag(self, run: str) -> str:
        """A, B, ... for the runs in the order given; numbers beyond Z."""
        place = [r.label for r in self.runs].index(run)
        return ascii_uppercase[place] if place < 26 else str(place + 1)

    def key(self) -> list[str]:
        """What the letters of the runs stand for: `A: 2026-11-21-default`."""
        return [f"{self.tag(run.label)}: {run.label}" for run in self.runs]


def build_model(paths: list[Path], baseline: str | None = None) -> Report:
    """`baseline`: label or name of the variant to compare with; default: the fastest exact one."""
    runs = load_runs(paths)
    cases = [case for run in runs for case in cases_of(run)]
    heatmaps = [m for run in runs for m in heatmaps_of(run)]
    listed = [v["label"] for run in runs for v in run.meta["variants"]]
    seen = [c.variant for c in cases] + [m.variant for m in heatmaps]
    variants = list(dict.fromkeys(listed + seen))
    families = _families(runs, cases, heatmaps)
    if is_crowded(cases):
        variants.sort(key=lambda label: family_rank(families[label]))
    cases.sort(key=lambda c: (natural(f"{c.dataset} {c.setting}"), c.threads, variants.index(c.variant), c.n))
    heatmaps.sort(key=lambda m: (m.dataset, m.problem, variants.index(m.variant)))
    names = {v["label"]: shown_name(v["label"], v["name"], v["params"]) for run in runs for v in run.meta["variants"]}
    names |= {item.variant: shown_name(item.variant, item.name, item.params) for item in (*heatmaps, *cases)}
    names = {label: plain(name) for label, name in names.items()}  # no font and no SVG has control characters
    baseline = baseline_of(cases, baseline)
    points = points_of(cases, baseline)
    dependences = {run.label: found for run in runs
                   if (found := dependence_of([p for p in points if p.case.run == run.label]))}  # fmt: skip
    dependent = {run: found for run, found in dependences.items() if found.found}
    points = [without_interval(p, dependent[p.case.run]) if p.case.run in dependent else p for p in points]
    panels = panels_of(points)
    checks = checks_of(runs, [s for panel in panels for s in panel.series])
    report = Report(runs, points, panels, heatmaps, variants, families, names, baseline, checks, dependences, [])
    report.warnings.extend([*_warnings(report), *_font_warning(names, heatmaps)])
    return report


def _families(runs: list[Run], cases: list[Case], heatmaps: list[Heatmap]) -> dict[str, str]:
    listed = [v for run in runs for v in run.meta["variants"]]
    by_name = {v["name"]: v["family"] for v in listed} | {case.name: case.family for case in cases}
    named = {v["label"]: v["name"] for v in listed} | {item.variant: item.name for item in (*heatmaps, *cases)}
    return by_name | {label: by_name.get(name, "") for label, name in named.items()}


def _font_warning(names: dict[str, str], heatmaps: list[Heatmap]) -> list[str]:
    texts = set(names.values()), {plain(word) for item in heatmaps for word in item.labels}
    if all(text.isascii() for part in texts for text in part):
        return []
    from attnbench.support.fonts import unwritten  # matplotlib takes half a second that few need

    line = unwritten(*(sorted(part) for part in texts))
    return [line] if line else []


def _excess(point: Point) -> str:
    if point.share_of_peak is None:
        return "; ".join(point.case.reasons) or "no time"
    return f"{percent(point.share_of_peak)} of the FMA peak"


def _warnings(report: Report) -> list[str]:
    runs, points, baseline = report.runs, report.points, report.baseline
    many = len(runs) > 1
    warnings = [f"{run.label}: {line}" if many else line for run in runs for line in run.warnings]
    timed = [p for p in points if p.time]
    without = [p for p in timed if p.time.interval is None and not p.time.dependent]
    if without:
        fewest = min(p.time.rounds for p in without)
        warnings.append(
            f"no interval is printed for {len(without)} of {plural(len(timed), 'time')}: "
            f"{plural(fewest, 'round')}, but the order-statistic 95 % interval of a median needs {MIN_ROUNDS} "
            "(5 rounds cover 93.8 % at most); use --profile standard"
        )
    if dependent := [p for p in timed if p.time.dependent]:
        warnings.append(
            f"no interval is printed for {len(dependent)} of {plural(len(timed), 'time')}: slow rounds followed slow "
            f"ones ({dependent[0].time.dependent}); measure again on a quiet machine"
        )
    for panel in report.panels:
        if panel.speeds.other:
            where = f"{panel.setting}: " if len(report.panels) > 1 else ""
            warnings.append(f"{where}{panel.speeds.reason}; no exponent of the times is claimed")
    invalid = dict.fromkeys(roof.invalid for roof in report.roofs.values() if roof.invalid)
    warnings += [f"the calibration is invalid: {why}" for why in invalid]
    above = [p for p in points if above_ceiling(p, report.roofs)]
    if above:
        named = ", ".join(f"{p.case.variant} n={p.n} ({_excess(p)})" for p in above[:5])
        warnings.append(f"{plural(len(above), 'case')} above the machine's ceiling, a measurement error: {named}")
    if timed and not any(p.speedup for p in timed):
        why = f"'{baseline}' was not timed" if baseline else "no exact variant was timed"
        warnings.append(f"no speed-up is shown: {why}; choose a variant with --baseline")
    return warnings
