"""If these fail, --sort, --filter or --columns prints other rows than the user asked for, or a mistake in them passes
in silence."""

import pytest
from attnbench.compare.__main__ import main as compare
from attnbench.exchange.__main__ import main as export
from attnbench.pages.columns import Column, Table, number
from attnbench.pages.view import View
from attnbench.support import units
from attnbench.support.errors import UserError
from synthetic_runs import LAWS, Recipe, make_run

ROWS = [("b n1024", 1.2e-3, 0.04, 2**21), ("b n128", 9e-4, None, 640), ("c[1] n16", 185.0, 1.5, 2**16)]
TABLE = Table(
    "example",
    [
        Column("name", lambda r: r[0]),
        number("time at n=4", units.seconds, lambda r: r[1]),
        number("error", units.error_percent, lambda r: r[2]),
        number("memory", units.size, lambda r: r[3]),
    ],
    ROWS,
)


def names(**view) -> list[str]:
    return [row[0] for row in View(**view).arranged(TABLE).rows]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("time_at_n_4", "b n128,b n1024,c[1] n16"),
        ("time:desc", "c[1] n16,b n1024,b n128"),
        ("error:desc", "c[1] n16,b n1024,b n128"),  # rows without a value come last either way
        ("error", "b n1024,c[1] n16,b n128"),
        ("name", "b n128,b n1024,c[1] n16"),
    ],
)
def test_rows_sort_by_value(sort, order):
    assert ",".join(names(sort=sort)) == order


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        (["time<1ms"], [1]),
        (["time <= 1200 us"], [0, 1]),
        (["time>1min"], [2]),
        (["time>1"], [2]),
        (["error<5%"], [0]),
        (["error>=5"], [2]),
        (["memory>1KiB", "time<1s"], [0]),
        (["name=*n1*"], [0, 1, 2]),
        (["name=c[1]*"], [2]),
        (["name!=b*"], [2]),
        (["error=–"], [1]),
    ],
)
def test_filters_match_patterns_and_compare_numbers_with_units(filters, kept):
    assert names(filters=filters) == [ROWS[i][0] for i in kept]


@pytest.mark.parametrize(
    ("view", "says"),
    [
        ({"sort": "speed"}, "unknown column 'speed'; columns: name, time_at_n_4, error, memory"),
        ({"columns": "name,"}, "unknown column ''; columns: name, "),
        ({"sort": "time:up"}, "invalid order 'up' in --sort 'time:up'; expected asc or desc"),
        ({"filters": ["time"]}, "invalid filter 'time'; expected COLUMN=PATTERN"),
        ({"filters": ["time<1MiB"]}, "invalid number '1MiB' in filter 'time<1MiB'; expected one such as 10ms"),
        ({"filters": ["memory<inf"]}, "invalid number 'inf' in filter 'memory<inf'; expected one such as 1MiB"),
        ({"filters": ["name<3"]}, "filter 'name<3' compares numbers, but that column holds text"),
    ],
)
def test_a_mistake_says_what_would_be_right(view, says):
    with pytest.raises(UserError) as error:
        View(**view).arranged(TABLE)
    assert str(error.value).startswith(says)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("view") / "run", Recipe(laws=LAWS[:3], sizes=(128, 256, 512), weights=0))


def printed(capsys, main, *arguments) -> list[str]:
    assert main([str(word) for word in arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_the_summary_of_a_stored_run_is_printed_again(capsys, run):
    lines = printed(
        capsys, export, run, "--format", "summary", "--sort=time_at_n:desc", "--columns=variant,time_at_n,vs"
    )
    assert lines[1].split()[:3] == ["variant", "time", "at"] and "extra memory" not in lines[1]
    order = [line.split()[0] for line in lines[3:6]]
    assert sorted(order) == sorted(law.label for law in LAWS[:3]) and lines[2].startswith("─")
    up = printed(capsys, export, run, "--format", "summary", "--sort=time_at_n")
    assert [line.split()[0] for line in up[3:6]] == order[::-1]


def test_cases_are_a_line_each_and_hidden_columns_can_be_asked_for(capsys, run):
    assert len(printed(capsys, export, run, "--format", "cases")) == 2 + 9
    lines = printed(capsys, export, run, "--format", "cases", "--filter=n>=256", "--filter=variant=naive",
                    "--columns=variant,n,isa", "--sort=n:desc")  # fmt: skip
    assert lines[0].split() == ["variant", "n", "ISA"]
    assert [line.split()[:2] for line in lines[2:]] == [["naive", "512"], ["naive", "256"]]


def test_a_comparison_shows_the_rows_asked_for_and_judges_all(capsys, run, tmp_path):
    other = make_run(
        tmp_path / "new", Recipe(run_id="new", noise_seed=2, laws=LAWS[:3], sizes=(128, 256, 512), weights=0)
    )
    lines = printed(
        capsys, compare, run, other, "--filter=n=256", "--sort=base:desc", "--columns=variant,n,base,change"
    )
    titles = next(i for i, line in enumerate(lines) if line.startswith("variant"))
    assert lines[titles].split() == ["variant", "n", "base", "change"]
    assert [line.split()[1] for line in lines[titles + 2 : titles + 5]] == ["256"] * 3
    assert any(line.startswith("9 cases: ") for line in lines)
    nothing = printed(capsys, compare, run, other, "--filter=ratio>100")
    assert "No row matches the filters." in nothing and not any(line.startswith("variant") for line in nothing)


def test_a_mistake_is_found_before_anything_is_measured(capsys, tmp_path):
    started = tmp_path / "started"
    assert compare(["--paired", f"touch {started}", "true", "--sort=speed"]) == 2
    assert "unknown column 'speed'; columns: variant, n, base, new, ratio" in capsys.readouterr().err
    assert not started.exists()


def test_other_formats_have_no_view(capsys, run):
    assert export([str(run), "--format", "google-benchmark", "--sort=n"]) == 2
    assert "--sort is for --format summary or cases or latex; leave it out" in capsys.readouterr().err
