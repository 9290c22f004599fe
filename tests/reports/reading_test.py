"""Reading a report: whose numbers they are, what they are compared with and at which n, and text that is only text."""

import csv
import json

import pandas as pd
import pytest
from attnbench.__main__ import main
from attnbench.figures.axes import legend_text
from attnbench.figures.style import Looks
from attnbench.figures.tradeoffs import TIME, rows, tradeoff
from attnbench.load.names import shown_name
from attnbench.model import build_model
from attnbench.pages.cases import case_table
from attnbench.pages.columns import Table
from attnbench.pages.headline import error_notes, headline
from attnbench.pages.latex import latex
from attnbench.pages.terminal import terminal_summary
from attnbench.support.errors import UserError
from attnbench.support.text import plain
from synthetic_runs import LAWS, Law, Recipe, make_run

NAIVE, BLOCKWISE, LINEAR = LAWS[0], LAWS[5], LAWS[9]
WINDOW = Law("sliding_window", "masked_softmax", 1, 0.006, 1, 0.21, "sparse", {"window": 128, "globals": 0})


def texts(table: Table) -> list[dict[str, str]]:
    return [dict(zip([c.title for c in table.columns], row, strict=True)) for row in table.texts()]


# ---- Parameters beside the names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "params", "shown"),
    [
        ("naive", {}, "naive"),
        ("sliding_window", {"window": 128, "globals": 0}, "sliding_window(window=128)"),
        ("sliding_window(globals=0)", {"window": 128, "globals": 0}, "sliding_window(window=128, globals=0)"),
        ("blockwise", {"query_block": 0, "key_block": 0}, "blockwise"),
        ("strided(summary=4)", {"pattern": "strided", "summary": 4}, "strided(pattern=strided, summary=4)"),
    ],
)
def test_a_name_tells_all_parameters_but_defaults_of_zero(label, params, shown):
    assert shown_name(label, label.partition("(")[0], params) == shown


def test_parameters_stand_wherever_a_variant_is_named(tmp_path):
    """The label of the default window says nothing of it: its value must be on every page."""
    run = make_run(tmp_path / "run", Recipe(laws=(NAIVE, WINDOW), sizes=(64, 128, 256), rounds=2, weights=0))
    for file in (run / "run.json", run / "records.jsonl"):  # as the harness labels a variant with its defaults
        file.write_text(file.read_text().replace("sliding_window(window=128,globals=0)", "sliding_window"))
    assert main([str(run)]) == 0
    report = build_model([run])
    assert report.variants == ["naive", "sliding_window"]
    name = "sliding_window(window=128)"
    page = (run / "report" / "report.html").read_text(encoding="utf-8")
    assert page.count(name) >= 6  # summary, growth, cases, verification, variants, ...
    assert "window=128</text>" in page  # the legends
    assert "sliding\\_window(window=128)" in (run / "report" / "report.md").read_text(encoding="utf-8")
    assert r"sliding\_window(window=128)" in latex(headline(report))
    assert name in terminal_summary(report)
    for table in ("cases", "series", "samples"):
        read = pd.read_csv(run / "report" / "tables" / f"{table}.csv").query("variant == 'sliding_window'")
        assert set(read["params"]) == {"window=128 globals=0"}, table


def test_a_legend_has_the_parameters_on_lines_of_their_own():
    assert legend_text("naive [A]", "2.00") == "naive [A]: 2.00"
    name = "block_sparse(block=64, window_blocks=1, global_blocks=2, random_blocks=3) [B]"
    assert legend_text(name, "1.5").splitlines() == [
        "block_sparse [B]: 1.5", "   block=64, window_blocks=1,", "   global_blocks=2, random_blocks=3",
    ]  # fmt: skip
    assert legend_text("odd(((", "1") == "odd(((: 1"


# ---- The baseline ----------------------------------------------------------------------------------------------------


def baseline(tmp_path, wanted=None, laws=LAWS, **recipe) -> str | None:
    run = make_run(tmp_path / "run", Recipe(laws=laws, sizes=(256, 512), rounds=1, weights=0, **recipe))
    return build_model([run], wanted).baseline


def test_the_baseline_is_the_fastest_exact_variant(tmp_path):
    assert baseline(tmp_path) == "blockwise"  # linear and the patterns are faster, but not exact


def test_a_fast_exact_variant_that_gave_up_early_is_not_the_baseline(tmp_path):
    assert baseline(tmp_path, bad={("blockwise", 512): ("verify", "skipped")}) == "scaled_dot_product"


def test_another_library_is_the_baseline_only_where_none_of_ours_is_exact(tmp_path):
    theirs = Law("torch_sdpa", "exact_softmax", 2, 0.001, 1, 2e-7, "external")
    assert baseline(tmp_path / "both", laws=(NAIVE, theirs)) == "naive"
    assert baseline(tmp_path / "theirs", laws=(LINEAR, theirs)) == "torch_sdpa"
    assert baseline(tmp_path / "none", laws=(LINEAR,)) is None


def test_the_baseline_may_be_chosen_by_label_or_by_name(tmp_path):
    assert baseline(tmp_path / "a", "naive") == "naive"
    assert baseline(tmp_path / "b", "sliding_window") == "sliding_window(window=256)"
    with pytest.raises(UserError, match="'fast' is not a variant of the run; choose from naive, dot_product"):
        baseline(tmp_path / "c", "fast")
    two = [Law("w", "masked_softmax", 1, 0.006, 1, 0.2, params={"window": w}) for w in (16, 32)]
    with pytest.raises(UserError, match=r"matches 2 variants: w\(window=16\), w\(window=32\); give one"):
        baseline(tmp_path / "d", "w", laws=(NAIVE, *two))


def test_the_baseline_is_named_wherever_a_speed_up_stands(tmp_path, capsys):
    run = make_run(tmp_path / "run", Recipe(laws=(NAIVE, LINEAR), sizes=(256, 512), weights=0))
    assert main([str(run), "--baseline", "linear"]) == 0
    assert "vs linear" in capsys.readouterr().out
    page = (run / "report" / "report.html").read_text(encoding="utf-8")
    assert "Speed-up over linear" in page
    assert page.count(">vs linear<") == 2  # the summary and the cases
    summary = json.loads((run / "report" / "summary.json").read_text())
    assert summary["baseline"] == "linear"
    assert {s["variant"]: round(s["speedup"], 2) for s in summary["series"]}["linear"] == 1
    assert main([str(run), "--baseline", "no such"]) == 2
    assert capsys.readouterr().err.startswith("attnbench: --baseline 'no such' is not a variant of the run")


# ---- One n for all ---------------------------------------------------------------------------------------------------


def test_times_are_compared_at_the_largest_n_that_all_reached(tmp_path):
    bad = {("naive", 512): ("time", "timeout")}
    run = make_run(tmp_path / "run", Recipe(laws=(NAIVE, BLOCKWISE), sizes=(128, 256, 512), weights=0, bad=bad))
    report = build_model([run])
    naive, blockwise = texts(headline(report))
    assert naive["time at n=256"].startswith("12.")  # 0.4 s / 16, on two threads
    assert blockwise["time at n=256"].startswith("37")  # 12 ms / 16 / 2 in µs
    assert [row["largest n"] for row in (naive, blockwise)] == ["256", "512"]
    assert blockwise["time at largest n"].startswith(("1.49 ms", "1.5"))
    assert naive["vs blockwise"].startswith(("0.029", "0.030"))
    assert "largest n" in terminal_summary(report)


def test_settings_that_reached_different_sizes_say_which(tmp_path):
    problems = ("b1 h8 n{n} d64 f32", "b1 h2 n{n} d64 f32")
    run = make_run(tmp_path / "run", Recipe(laws=(NAIVE,), sizes=(128, 256), problems=problems, weights=0, rounds=1))
    lines = [line for line in (run / "records.jsonl").read_text().splitlines() if "h2 n256" not in line]
    (run / "records.jsonl").write_text("\n".join(lines) + "\n")
    found = texts(headline(build_model([run])))
    assert [row["common n"] for row in found] == ["128", "256"]
    assert all("time at common n" in row for row in found)


# ---- Errors with a scale ---------------------------------------------------------------------------------------------


def worse(tmp_path):
    """A pattern that is worse than an output of zeros and the fastest of all."""
    bad_window = Law("sliding_window", "masked_softmax", 1, 0.001, 1, 1.1, "sparse")
    return build_model(
        [make_run(tmp_path / "run", Recipe(laws=(BLOCKWISE, LINEAR, bad_window), sizes=(512, 1024), weights=0))]
    )


def test_an_error_is_a_share_of_the_output_and_worse_than_zeros_is_said(tmp_path):
    report = worse(tmp_path)
    errors = {row["variant"]: row["error"] for row in texts(headline(report))}
    assert errors["blockwise"] == "2.2e-05 %"
    assert errors["linear"] == "47.0 %"
    assert errors["sliding_window"] == "110 %, worse than zeros"
    (note,) = error_notes(report)
    assert note.startswith("Errors to compare with: all zeros 100 %; the mean of the values 90.0 %")
    case = next(row for row in texts(case_table(report)) if row["variant"] == "linear")
    assert case["approximation error"] == "47.0 %"


def test_what_is_worse_than_zeros_is_off_the_frontier_and_marked(tmp_path):
    report = worse(tmp_path)
    figure = tradeoff(report, Looks(report.variants, ["2026-11-21-demo"]), report.panels[0], TIME)
    ax = figure.axes[0]
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert any(text.startswith("sliding_window: 110 %") and text.endswith("worse than zeros") for text in legend)
    assert "all zeros: 100 %" in legend
    assert "mean of V: 90.0 %" in legend
    lines = {round(float(line.get_ydata()[0]), 3) for line in ax.lines if len(set(line.get_ydata())) == 1}
    assert {1.0, 0.9} <= lines
    stepped = next(line for line in ax.lines if line.get_drawstyle() == "steps-post")
    assert max(stepped.get_ydata()) == pytest.approx(0.47)
    assert {row["variant"] for row in rows(report.panels[0], TIME)} == {"blockwise", "linear", "sliding_window"}


def test_records_of_older_runs_know_no_baselines(tmp_path):
    run = make_run(tmp_path / "run", Recipe(laws=(BLOCKWISE, LINEAR), sizes=(64, 128), weights=0, rounds=1))
    records = [json.loads(line) for line in (run / "records.jsonl").read_text().splitlines()]
    for record in records:
        for name in [k for k in record.get("verify", ()) if k.startswith("baseline_") or k == "approximation_interval"]:
            del record["verify"][name]
    (run / "records.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    report = build_model([run])
    assert error_notes(report) == ["Errors to compare with: all zeros 100 %."]
    figure = tradeoff(report, Looks(report.variants, ["2026-11-21-demo"]), report.panels[0], TIME)
    assert not any("mean of V" in t.get_text() for t in figure.axes[0].get_legend().get_texts())


# ---- Text that is only text ------------------------------------------------------------------------------------------


def test_control_characters_are_written_out_on_a_terminal():
    assert plain("a\x1b[31mred\x07\r\u202eb\nc µ×") == "a\\x1b[31mred\\x07\\r\\u202eb\nc µ×"


def test_no_escape_sequence_of_a_record_reaches_the_terminal(tmp_path, capsys):
    laws = (Law("evil\x1b]0;title\x07", "exact_softmax", 2, 0.01, 1, 1e-7),)
    run = make_run(tmp_path / "run", Recipe(laws=laws, sizes=(64,), rounds=1, weights=0, dataset="t\x1b[2J"))
    assert main([str(run)]) == 0
    assert main([str(run), "--baseline", "\x1b[2J"]) == 2
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
    assert "evil\\x1b]0;title\\x07" in said.out


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_a_table_is_a_formula(tmp_path, sign):
    name = f"{sign}HYPERLINK(1)"
    laws = (Law(name, "exact_softmax", 2, 0.01, 1, 1e-7),)
    run = make_run(tmp_path / "run", Recipe(laws=laws, sizes=(64, 128), rounds=1, weights=0))
    assert main([str(run)]) == 0
    files = [*(run / "report" / "tables").glob("*.csv"), run / "report" / "figures" / "time.csv"]
    assert len(files) == 4
    for file in files:
        with file.open(newline="", encoding="utf-8") as text:
            cells = [cell for row in csv.reader(text) for cell in row]
        assert (repr(name)[1:-1] if sign.isspace() else f"'{name}") in cells, file
        assert not [cell for cell in cells if cell.startswith(sign)], file
