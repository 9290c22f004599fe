"""If these fail, a plan cannot be shared out over machines and put together again."""

import json
from pathlib import Path

import pytest
from attnbench.load.run import load_runs

SWEEP = "--variants naive,linear -a n=4,8,12 -a d=4 -a h=2 --dataset gaussian --threads 1".split()
QUICK = [*SWEEP, "--rounds", "1", "--samples", "1", "--no-report"]


def records(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]


def cases(folder: Path) -> set[str]:
    return {r["key"].removesuffix("|verify|r0") for r in records(folder) if r["kind"] == "verify"}


@pytest.fixture
def shards(attnbench, tmp_path) -> list[Path]:
    for index in (1, 2):
        attnbench.ok("run", *QUICK, "--shard", f"{index}/2", "--out", f"shard{index}")
    return [tmp_path / "shard1", tmp_path / "shard2"]


def test_shards_are_a_partition_and_merge_to_what_one_run_gives(attnbench, tmp_path, shards):
    planned = {case["key"] for case in json.loads(attnbench.ok("plan", *SWEEP, "--json"))["cases"]}
    first, second = map(cases, shards)
    assert first | second == planned and not first & second and first and second
    assert "records of 6 cases in whole" in attnbench.ok("merge", "whole", *shards)
    assert cases(tmp_path / "whole") == planned
    run = json.loads((tmp_path / "whole/run.json").read_text())
    assert (run["status"], run["shard"], run["merged_from"]) == ("complete", None, ["shard1", "shard2"])
    assert {r["session"] for r in records(tmp_path / "whole")} == {0, 1}
    weights = [r["weights"]["file"] for r in records(tmp_path / "whole") if r["kind"] == "weights"]
    assert len(weights) == 2 and all((tmp_path / "whole" / file).exists() for file in weights)
    (read,) = load_runs([tmp_path / "whole"])  # as `attnbench report` does
    assert len(read.sessions) == 2


def test_a_merge_of_part_of_the_shards_can_be_completed_by_resuming_it(attnbench, tmp_path, shards):
    message = attnbench.refused("merge", "part", shards[1])
    assert "shard 1/2 is missing" in message and "--partial" in message
    done = attnbench("merge", "part", shards[1], "--partial")
    assert done.returncode == 0 and "shard 1/2 is missing" in done.stderr
    assert json.loads((tmp_path / "part/run.json").read_text())["status"] == "interrupted"
    attnbench.ok("run", "--resume", "part", "--no-report", "-q")
    assert cases(tmp_path / "part") == cases(shards[0]) | cases(shards[1])


def test_another_binary_is_named_and_mixed_in_only_on_request(attnbench, tmp_path, shards):
    file = shards[0] / "run.json"
    run = json.loads(file.read_text())
    run["sessions"][0]["binary_id"] = "0123456789abcdef"
    file.write_text(json.dumps(run))
    for command in (["merge", "whole", *shards], ["run", "--resume", shards[0], "--no-report"]):
        message = attnbench.refused(*command)
        assert "0123456789abcdef" in message and run["binary_id"] in message and "--allow-mixed" in message
        attnbench.ok(*command, "--allow-mixed")
    assert len(json.loads(file.read_text())["sessions"]) == 2


def test_other_data_under_the_same_name_are_neither_merged_nor_added(attnbench, tmp_path):
    """Two users' text:my.txt: the plans agree, the inputs do not."""
    dataset = f"text:{tmp_path / 'my.txt'}"
    plan = "--variants naive -a n=4,8 -a d=4 --threads 1 --rounds 1 --samples 1 --no-report".split()
    for index, word in ((1, "one"), (2, "two")):
        (tmp_path / "my.txt").write_text(f"{word} and then another " * 1000)
        attnbench.ok("run", *plan, "--dataset", dataset, "--shard", f"{index}/2", "--out", f"shard{index}")
    message = attnbench.refused("merge", "whole", "shard1", "shard2", "--allow-mixed")
    assert f"different contents of dataset '{dataset}'" in message
    assert not (tmp_path / "whole").exists()
    assert f"dataset '{dataset}'" in attnbench.refused("run", "--resume", "shard1", "--no-report", "--allow-mixed")
    attnbench.ok("run", "--resume", "shard2", "--no-report")


def test_a_shard_is_one_of_a_plan(attnbench):
    assert "2/8" in attnbench.refused("run", *QUICK, "--shard", "3/2")
    assert "only 3 shapes" in attnbench.refused("run", *QUICK, "--shard", "1/4")
    assert "--resume" in attnbench.refused("run", *QUICK, "--allow-mixed")


def test_merge_names_what_is_no_run(attnbench, tmp_path, shards):
    assert "cannot read" in attnbench.refused("merge", "whole", tmp_path / "none")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    assert "not an empty folder" in attnbench.refused("merge", "full", *shards)
    assert not list(tmp_path.glob("*.merging"))
