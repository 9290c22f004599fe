"""The data behind the pages: summary.json (reports/summary.schema.json) and tables/*.csv, in seconds and bytes."""

import json
import math
from pathlib import Path
from typing import Any

from attnbench.model import Report
from attnbench.pages.cases import rss_growth
from attnbench.pages.trust import facts
from attnbench.stats.complexity import Check
from attnbench.stats.counters import NAMES, are_scaled, count_of
from attnbench.stats.outliers import mark
from attnbench.stats.points import Point
from attnbench.stats.rivals import Rivals
from attnbench.stats.scaling import Fit, Slope
from attnbench.stats.series import Panel, Series, Setting
from attnbench.stats.trust import Spread, mixes_origins
from attnbench.support.tables import write_csv

SUMMARY_VERSION = 2
BASELINES = tuple(f"baseline_{n}" for n in ("zeros_rel_rms", "mean_v_rel_rms", "random_keys_rel_rms", "random_keys"))
SAMPLE_COLUMNS = ["run", "dataset", "problem", "variant", "params", "threads", "round", "sample", "seconds", "outlier"]


def summary(report: Report) -> dict:
    return _finite({
        "summary_version": SUMMARY_VERSION,
        "runs": [{"label": run.label, **{k: run.meta.get(k) for k in ("run_id", "created", "finished", "status", "plan",
                  "environment", "binary_id", "machine_id")}} for run in report.runs],
        "baseline": report.baseline,
        "warnings": report.warnings,
        "trust": trust_facts(report),
        "series": [series_row(s) for s in report.series],
        "complexity": [check_row(check) for check in report.checks],
        "crossovers": [crossover_row(panel, found) for panel, found in report.crossings],
        "cases": [case_row(p) for p in report.points],
    })  # fmt: skip


def trust_facts(report: Report) -> dict | None:
    """The facts of the page as numbers; `alarms` names those that it marks. None when nothing was timed."""
    trust = report.trust
    if trust is None:
        return None
    rate = trust.false_positives
    return {
        "cases_timed": trust.cases,
        "false_positives": rate and {"count": rate.count, "cases": rate.total, "rate": rate.value,
                                     "low": rate.interval.low, "high": rate.interval.high},
        "noise_floor": trust.noise_floor, "minimum_effect": _spread(trust.minimum_effect),
        "samples": trust.samples, "outliers": trust.outliers, "involuntary_switches": trust.switches,
        "samples_switched": trust.switched_samples, "clock_drift": _spread(trust.clock_drift),
        "load_1m": _spread(trust.load_1m), "cases_above_ceiling": trust.above_ceiling,
        "invalid_calibrations": list(trust.invalid_calibrations),
        "speed_changes": [{"usual_gflops": s.usual, "sizes": list(s.other), "gflops": [s.gflops[n] for n in s.other]}
                          for s in trust.speed_changes],
        "dependence": trust.dependence and {"lag1": trust.dependence.lag1, "p": trust.dependence.p,
                                            "rounds": trust.dependence.rounds, "found": trust.dependence.found},
        "cases_predicted": trust.predicted, "cases_predicted_right": trust.predicted_right,
        "stops": dict(trust.stops), "sessions": sum(len(run.sessions) for run in report.runs),
        "mixed_origins": mixes_origins(report.runs), "alarms": [fact.name for fact in facts(report) if fact.alarming],
    }  # fmt: skip


def check_row(check: Check) -> dict:
    measured = {f"measured_{name}": value for name, value in _slope(check.measured).items()}
    return {"run": check.run, **_place(check.setting), "variant": check.variant, "quantity": check.quantity,
            "label": check.label, "declared_slope": check.declared, "cost_slope": check.cost, **measured,
            "judged_slope": check.judged, "verdict": check.agreement, "reason": check.reason}  # fmt: skip


def crossover_row(panel: Panel, found: Rivals) -> dict:
    crossing = found.crossover
    low, high = (crossing.interval.low, crossing.interval.high) if crossing.interval else (None, None)
    return {"run": found.run, **_place(panel.setting), "base": found.base, "new": found.new,
            "sizes": list(found.sizes), "crossing": crossing.kind, "n": crossing.n, "n_low": low, "n_high": high,
            "reason": crossing.reason}  # fmt: skip


def series_row(s: Series) -> dict:
    largest, compared = s.largest, s.largest_compared
    sized = max((p for p in s.points if p.extra_bytes is not None), key=lambda p: p.n, default=None)
    return {
        "run": s.run, **_place(s.setting), "variant": s.variant, "params": s.points[0].case.params,
        "computes": s.points[0].case.computes,
        "time_fit": _fit(s.time_fit), "memory_fit": _fit(s.memory_fit),
        "constant_speed_fit": _fit(s.steady_fit), "work_fit": _fit(s.work_fit), "sees_all_keys_up_to": s.sees_all,
        "sizes_at_another_speed": list(s.speeds.other),
        "largest_n": largest and largest.n, "largest_n_time_s": largest and largest.time.median_s,
        "speedup": compared and compared.speedup.value, "speedup_n": compared and compared.n,
        "extra_bytes": sized and sized.extra_bytes,
        "approximation_rel_rms": (largest and largest.case.verify or {}).get("approximation_rel_rms"),
        "cases": len(s.points), "cases_timed": len(s.timed), "cases_failed": len(s.failed),
    }  # fmt: skip


def case_row(p: Point) -> dict:
    c, t, memory, verify = p.case, p.time, p.case.memory or {}, p.case.verify or {}
    interval, speedup, shape = t and t.interval, p.speedup, c.shape
    low, high = verify.get("approximation_interval") or (None, None)
    return {
        "run": c.run, "dataset": c.dataset, "seed": c.seed, "problem": c.problem, "n": p.n,
        **{k: shape[k] for k in ("n_q", "n_k", "batch", "heads_q", "heads_kv", "d_qk", "d_v", "causal")},
        "threads": c.threads,
        "cache": c.cache, "variant": c.variant, "variant_name": c.name, "family": c.family, "computes": c.computes,
        "params": c.params, "isa": c.isa, "status": c.status, "reasons": list(c.reasons),
        "median_s": t and t.median_s, "interval_low_s": interval and interval.low,
        "interval_high_s": interval and interval.high, "interval_coverage": interval and interval.coverage,
        "min_s": t and t.min_s, "rounds": t.rounds if t else 0, "samples": t.samples if t else 0,
        "speedup": speedup and speedup.value,
        "speedup_low": speedup and speedup.interval and speedup.interval.low,
        "speedup_high": speedup and speedup.interval and speedup.interval.high,
        "useful_gflops": p.useful_gflops, "dense_equivalent_gflops": p.dense_gflops,
        "share_of_fma_peak": p.share_of_peak, "prepare_s": p.prepare_s, "predicted_s": c.prediction.get("seconds"),
        "extra_bytes": p.extra_bytes, "workspace_peak_bytes": memory.get("workspace_peak"),
        "workspace_declared_bytes": memory.get("workspace_declared"), "prepared_bytes": memory.get("prepared_bytes"),
        "rss_growth_bytes": rss_growth(p), "stray_allocations": memory.get("stray_allocations"),
        "implementation_rel_rms": verify.get("rel_rms"), "implementation_max_abs": verify.get("max_abs"),
        "tolerance_rel_rms": verify.get("tolerance_rel_rms"), "tolerance_max_abs": verify.get("tolerance_max_abs"),
        "rows_compared": verify.get("rows"), "approximation_rel_rms": verify.get("approximation_rel_rms"),
        "approximation_max_abs": verify.get("approximation_max_abs"),
        "approximation_cosine": verify.get("approximation_cosine"),
        "approximation_rows": verify.get("approximation_rows"), "approximation_low": low, "approximation_high": high,
        **{name: verify.get(name) for name in BASELINES},
        **{name: count_of(p, name) for name in NAMES}, "counters_scaled": are_scaled(p), "reproducer": c.reproducer,
    }  # fmt: skip


def write_data(report: Report, data: dict, folder: Path) -> None:
    (folder / "summary.json").write_text(to_json(data, indent=1) + "\n", encoding="utf-8")
    tables = folder / "tables"
    tables.mkdir()
    cases = [{**row, "params": _words(row["params"]), "reasons": "; ".join(row["reasons"])} for row in data["cases"]]
    series = [_flat(row) for row in data["series"]]
    for name, rows in (("cases", cases), ("series", series), ("samples", _samples(report))):
        write_csv(tables / f"{name}.csv", rows, SAMPLE_COLUMNS)


def to_json(data: dict, indent: int | None = None) -> str:
    return json.dumps(data, indent=indent, ensure_ascii=False, allow_nan=False)


def _samples(report: Report) -> list[dict]:
    """The raw samples, one row each; outliers are marked, never left out."""
    rows = []
    for p in report.points:
        case, marks = p.case, mark(p.case.samples)
        place = {"run": case.run, "dataset": case.dataset, "problem": case.problem, "variant": case.variant,
                 "params": _words(case.params), "threads": case.threads}  # fmt: skip
        rows += [
            {**place, "round": number, "sample": i, "seconds": value, "outlier": marks[number][i]}
            for number, samples in case.samples.items() for i, value in enumerate(samples)
        ]  # fmt: skip
    return rows


def _flat(row: dict) -> dict:
    """Fits spread over columns time_slope, time_low, ...; the local slopes stay in summary.json."""
    flat = {k: v for k, v in row.items() if not k.endswith("_fit")} | {"params": _words(row["params"])}
    for name in ("time", "memory"):
        for key in ("slope", "low", "high", "sizes", "factor", "is_exponent", "verdict", "tail_slope"):
            flat[f"{name}_{key}"] = (row[f"{name}_fit"] or {}).get(key)
    return flat


def _fit(fit: Fit | None) -> dict | None:
    if fit is None:
        return None
    around = fit.curvature_interval
    return {**_slope(fit.slope), "sizes": fit.sizes, "factor": fit.factor, "is_exponent": fit.is_exponent,
            "curvature": fit.curvature, "curvature_low": around and around.low,
            "curvature_high": around and around.high, "curved": fit.curved, "uneven": fit.uneven,
            "verdict": fit.verdict, "local_slopes": list(fit.local),
            **{f"tail_{k}": v for k, v in _slope(fit.tail).items()}}  # fmt: skip


def _slope(slope: Slope | None) -> dict:
    interval = slope and slope.interval
    return {"slope": slope and slope.value, "low": interval and interval.low, "high": interval and interval.high}


def _place(setting: Setting) -> dict:
    return {"dataset": setting.dataset, "setting": setting.problem, "threads": setting.threads, "cache": setting.cache}


def _spread(spread: Spread | None) -> dict | None:
    return spread and {"median": spread.median, "highest": spread.highest}


def _words(params: dict) -> str:
    return " ".join(f"{name}={value}" for name, value in params.items())


def _finite(value: Any) -> Any:
    """JSON has no NaN: a number that is not finite becomes null, as in the records."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
