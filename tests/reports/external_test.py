"""The comparison with other libraries: if these fail, losses are shown as wins, or what is missing is hidden."""

import json

import pytest
from attnbench.build import write_report
from attnbench.model import build_model
from attnbench.pages.external import external_section
from attnbench.stats.head_to_head import head_to_heads_of
from attnbench.stats.verdict import Verdict
from synthetic_runs import Law, Recipe, make_run

OURS = (
    Law("blockwise", "exact_softmax", 2, 0.012, 1, 2e-7),
    Law("scaled_dot_product", "exact_softmax", 2, 0.02, 2, 2e-7),
    Law("linear", "approximates_softmax", 1, 0.001, 0, 0.5, "linear"),
    Law("dot_product", "own_definition", 2, 0.002, 2, 0.9),
    Law("multi_head", "own_definition", 2, 0.03, 1, 1.3, "composed"),
)
EXTERNAL = (
    Law("slow_library", "exact_softmax", 2, 0.024, 1, 2e-7, "external"),
    Law("fast_library", "exact_softmax", 2, 0.006, 1, 2e-7, "external"),
    Law("torch_mha", "own_definition", 2, 0.06, 1, 1.3, "external", equivalent_to="multi_head"),
    Law("absent_library", "exact_softmax", 2, 0.01, 1, 2e-7, "external"),
)
SIZES = (256, 1024)
ABSENT = {("absent_library", n): ("verify", "skipped") for n in SIZES}


def section(folder, **changes):
    recipe = Recipe(laws=OURS + EXTERNAL, sizes=SIZES, weights=0, bad=ABSENT, **changes)
    return build_model([make_run(folder / "run", recipe)])


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return section(tmp_path_factory.mktemp("external"))


def test_each_head_to_head_sets_the_fastest_of_ours_against_a_baseline(report):
    found = {(d.theirs.case.variant, d.theirs.n): d for d in head_to_heads_of(report.points)}
    assert set(found) == {(external, n) for external in ("slow_library", "fast_library", "torch_mha") for n in SIZES}
    assert found["slow_library", 1024].ours.case.variant == "blockwise", "approximations and slower ones take no part"
    assert found["torch_mha", 1024].ours.case.variant == "multi_head", "another definition is no rival"
    assert found["slow_library", 1024].ratio == pytest.approx(0.5, rel=0.05)
    assert found["fast_library", 1024].ratio == pytest.approx(2, rel=0.05)


def test_runs_stored_under_the_former_family_name_are_read(report, tmp_path):
    folder = make_run(tmp_path / "run", Recipe(laws=OURS + EXTERNAL, sizes=SIZES, weights=0, bad=ABSENT))
    records = (folder / "records.jsonl").read_text()
    (folder / "records.jsonl").write_text(records.replace('"family": "external"', '"family": "peer"'))
    found = external_section(build_model([folder]))
    assert found is not None and found.headline == external_section(report).headline


def test_a_slower_variant_of_ours_is_called_slower_and_comes_first(report):
    external = external_section(report)
    assert [d.theirs.case.variant for d in external.pairs.rows[:2]] == ["fast_library", "fast_library"]
    assert [d.verdict for d in external.pairs.rows] == [Verdict.SLOWER] * 2 + [Verdict.FASTER] * 4
    rows = [
        dict(zip([c.title for c in external.pairs.columns], texts, strict=True)) for texts in external.pairs.texts()
    ]
    assert rows[0]["outcome"] == "slower" and rows[-1]["outcome"] == "faster"
    assert rows[0]["ours / theirs"].startswith("2.0") and "[" in rows[0]["ours / theirs"]
    assert external.headline == "6 head-to-heads: ours is faster in 4, slower in 2, the same in 0, undecided in 0"


def test_too_few_rounds_decide_nothing(tmp_path):
    external = external_section(section(tmp_path, rounds=3))
    assert {d.verdict for d in external.pairs.rows} == {Verdict.UNDECIDED}
    assert all(cell.outcome == "open" for m in external.maps for _, cells in m.rows for cell in cells if cell)


def test_the_map_has_a_cell_for_each_baseline_and_length(report):
    (found,) = external_section(report).maps
    assert found.sizes == list(SIZES)
    assert [external for external, _ in found.rows] == ["slow_library", "fast_library", "torch_mha"]
    assert [[cell.outcome for cell in cells] for _, cells in found.rows] == [["win"] * 2, ["loss"] * 2, ["win"] * 2]


def test_a_missing_library_stands_there_with_its_reason(report):
    (row,) = external_section(report).absent.rows
    assert (row.baseline, row.status, row.cases) == ("absent_library", "skipped", 2)
    assert row.reason


def test_what_the_library_says_of_itself_is_shown(tmp_path):
    folder = make_run(tmp_path / "run", Recipe(laws=OURS + EXTERNAL, sizes=SIZES, weights=0, bad=ABSENT))
    records = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    for record in records:
        if record["family"] == "external" and "time" in record:
            facts = {"library": "Fast 2.1", "kernel": "flash", "peak_bytes": "1048576", "threads": "set(2)"}
            record["time"] |= {"timed_by": "variant", "implementation": facts}
    (folder / "records.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    external = external_section(build_model([folder]))
    row = dict(zip([c.title for c in external.pairs.columns], external.pairs.texts()[0], strict=True))
    assert (row["library"], row["kernel that ran"], row["timed by"]) == ("Fast 2.1", "flash", "itself")
    assert row["memory, theirs"] == "1.00 MiB"


def test_html_and_markdown_show_it_and_say_nothing_without_baselines(report, tmp_path):
    write_report(report, tmp_path / "with")
    page, text = ((tmp_path / "with" / name).read_text() for name in ("report.html", "report.md"))
    assert 'id="external-section"' in page and ">slower<" in page and "absent_library" in page
    assert "## Against other libraries" in text and "| slower |" in text
    without = build_model([make_run(tmp_path / "run", Recipe(laws=OURS, sizes=SIZES, weights=0))])
    assert external_section(without) is None
    write_report(without, tmp_path / "without")
    assert "external-section" not in (tmp_path / "without" / "report.html").read_text()
    assert "Against other libraries" not in (tmp_path / "without" / "report.md").read_text()
