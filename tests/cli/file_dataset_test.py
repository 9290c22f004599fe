"""If these fail, `--dataset file:` measures another problem than the file holds, or does not say what to write."""

import json

import numpy as np
import pytest

from cli.apply_test import save_safetensors

RNG = np.random.default_rng(11)


def capture(h_q=4, h_kv=2, n=24, d=8, d_v=6, b=1, n_q=None):
    shapes = {"q": (b, h_q, n_q or n, d), "k": (b, h_kv, n, d), "v": (b, h_kv, n, d_v)}
    return {name: RNG.standard_normal(shape, dtype=np.float32) for name, shape in shapes.items()}


def plan(attnbench, *arguments, variants="naive"):
    return json.loads(attnbench.ok("plan", "--json", "--variants", variants, "--threads", "1", *arguments))


def problems(planned, status="planned"):
    return [case["problem"] for case in planned["cases"] if case["status"] == status]


def verified(attnbench, *arguments):
    return json.loads(attnbench.ok("verify", "--json", "--threads", "1", *arguments))


@pytest.mark.parametrize("command", ["plan", "verify"])
def test_the_shape_is_the_files(attnbench, tmp_path, command):
    np.savez(tmp_path / "x.npz", **capture(h_q=12, h_kv=12, b=2))
    arguments = ["--variants", "naive,blockwise", "--dataset", "file:x.npz", "--threads", "1"]
    if command == "plan":
        planned = plan(attnbench, *arguments[2:], variants="naive,blockwise")
        assert problems(planned) == ["b2 h12 n24 d8:6 f32"] * 2
        assert planned["files"] == [{"dataset": "file:x.npz", "holds": "b2 h12 n24 d8:6", "notes": []}]
        assert "file:x.npz holds b2 h12 n24 d8:6" in attnbench.ok("plan", *arguments)
        return
    records = verified(attnbench, *arguments[:4])
    assert [(r["problem"], r["status"]) for r in records] == [("b2 h12 n24 d8:6 f32", "ok")] * 2


def test_lengths_come_from_the_axis_and_are_left_out_where_the_file_is_shorter(attnbench, tmp_path):
    np.savez(tmp_path / "x.npz", **capture())
    arguments = ["--dataset", "file:x.npz", "-a", "n=8,16,32"]
    planned = plan(attnbench, *arguments)
    assert problems(planned) == ["b1 h4:2 n8 d8:6 f32", "b1 h4:2 n16 d8:6 f32"]
    assert problems(planned, "skipped") == ["b1 h4:2 n32 d8:6 f32"]
    line = "file:x.npz holds b1 h4:2 n24 d8:6, the problem asks for n=32; use -a n=24"
    assert planned["cases"][2]["reasons"] == [line]
    done = attnbench("plan", "--variants", "naive", *arguments)
    assert (done.returncode, done.stderr) == (0, f"attnbench: note: {line}\n")
    (tmp_path / "again.toml").write_text(planned["toml"])
    assert json.loads(attnbench.ok("plan", "--json", "--plan", "again.toml"))["cases"] == planned["cases"]


@pytest.mark.parametrize(
    "flags, words",
    [
        (["-a", "n=512,1k"], ["asks for n=1024", "use -a n=24"]),
        (["-a", "d=64"], ["asks for d=64", "use -a dqk=8 -a dv=6"]),
        (["-a", "h=4"], ["groups of 2 query heads share a key head", "use -a h=4:2"]),
        (["-a", "h=3:1"], ["use -a h=4:2"]),
        (["-a", "h=1"], ["use -a h=2:1"]),
        (["-a", "b=2"], ["use -a b=1"]),
        (
            ["--problem", "b1 h2 n64 d64 f32"],
            ["holds b1 h4:2 n24 d8:6", "h=2, d=64, n=64", "-a h=2:1 -a dqk=8 -a dv=6 -a n=24"],
        ),
    ],
)
@pytest.mark.parametrize("command", ["plan", "verify"])
def test_what_contradicts_the_file_is_refused_with_the_flags_to_paste(attnbench, tmp_path, command, flags, words):
    np.savez(tmp_path / "x.npz", **capture())
    message = attnbench.refused(command, "--variants", "naive", "--dataset", "file:x.npz", *flags)
    assert all(word in message for word in words), message
    pasted = message.split("use ")[-1].split()
    kept = flags if flags[0] == "--problem" else []
    assert attnbench("plan", "--variants", "naive", "--dataset", "file:x.npz", *kept, *pasted).returncode == 0


def test_a_cut_of_heads_keeps_groups_whole_and_is_said(attnbench, tmp_path):
    arrays = capture(h_q=8, h_kv=4, b=2)
    for head in range(4):  # a query head that met another group's key head would give another answer
        arrays["v"][:, head] += 10 * head
    np.savez(tmp_path / "x.npz", **arrays)
    done = attnbench("plan", "--variants", "naive", "--dataset", "file:x.npz", "-a", "h=4:2", "-a", "b=1")
    assert done.returncode == 0
    assert (
        "file:x.npz: 4 of 8 query heads, 2 of 4 key heads, 1 of 2 batch entries are used, as asked for" in done.stderr
    )
    assert "b1 h4:2 n24 d8:6 f32" in done.stdout


def test_other_flags_and_plans_keep_their_say(attnbench, tmp_path):
    np.savez(tmp_path / "x.npz", **capture(h_q=4, h_kv=4, d=16, d_v=16))
    file = ["--dataset", "file:x.npz"]
    assert problems(plan(attnbench, *file, "-a", "causal=none,top-left")) == [
        "b1 h4 n24 d16 f32",
        "b1 h4 n24 d16 f32 causal",
    ]
    assert problems(plan(attnbench, *file, "--plan", "llama3-8b-prefill")) == ["b1 h4 n24 d16 f32 causal"]
    assert problems(plan(attnbench, *file, "--problem", "n8 causal")) == ["b1 h4 n8 d16 f32 causal"]
    assert problems(plan(attnbench, "-a", "dataset=file:x.npz", "-a", "n=8")) == ["b1 h4 n8 d16 f32"]
    both = plan(attnbench, "--dataset", "gaussian,file:x.npz", "-a", "n=8")
    assert [(c["dataset"], c["problem"]) for c in both["cases"]] == [
        ("gaussian", "b1 h2 n8 d64 f32"),
        ("file:x.npz", "b1 h4 n8 d16 f32"),
    ]
    (tmp_path / "own.toml").write_text(
        'datasets = ["file:x.npz"]\nvariants = ["naive"]\naxes = ["(n,causal)=(4,none),(8,top-left)"]\n'
    )
    assert problems(plan(attnbench, "--plan", "own.toml")) == ["b1 h4 n4 d16 f32", "b1 h4 n8 d16 f32 causal"]


def test_a_decode_step_is_measured_as_it_is(attnbench, tmp_path):
    np.savez(tmp_path / "x.npz", **capture(n_q=1))
    assert [r["problem"] for r in verified(attnbench, "--variants", "naive", "--dataset", "file:x.npz")] == [
        "b1 h4:2 n1:24 d8:6 f32"
    ]
    message = attnbench.refused("verify", "--variants", "naive", "--dataset", "file:x.npz", "-a", "n=8")
    assert "use -a nq=1 -a nk=8" in message


def layered():
    return {f"model.layers.{layer}.attn.{name}": x for layer in (0, 1, 10) for name, x in capture().items()}


PATTERN = "(q=model.layers.{layer}.attn.q,k=model.layers.{layer}.attn.k,v=model.layers.{layer}.attn.v)"


def spec(layer, file):
    return "file" + PATTERN.replace("{layer}", str(layer)) + ":" + file


@pytest.mark.parametrize("container", ["x.npz", "x.safetensors", "folder"])
def test_layers_by_pattern_and_axis(attnbench, tmp_path, container):
    arrays = layered()
    if container == "x.npz":
        np.savez(tmp_path / container, **arrays)
    elif container == "folder":
        (tmp_path / container).mkdir()
        for name, array in arrays.items():
            np.save(tmp_path / container / f"{name}.npy", array)
    else:
        save_safetensors(tmp_path / container, arrays)
    dataset = ["--dataset", f"file:{container}{PATTERN}"]
    datasets = [case["dataset"] for case in plan(attnbench, *dataset)["cases"]]
    assert datasets == [spec(layer, container) for layer in (0, 1, 10)]
    records = verified(attnbench, "--variants", "naive", *dataset, "-a", "layer=0,10", "-a", "n=4,8")
    assert [(r["dataset"], r["problem"], r["status"]) for r in records] == [
        (spec(layer, container), f"b1 h4:2 n{n} d8:6 f32", "ok") for layer in (0, 10) for n in (4, 8)
    ]
    text = attnbench.ok("verify", "--variants", "naive", *dataset, "-a", "layer=1,10", "-a", "n=4")
    assert f"{spec(1, container)} b1 h4:2 n4 d8:6 f32" in text
    assert verified(attnbench, "--variants", "naive", "--dataset", spec(1, container))[0]["status"] == "ok"
    message = attnbench.refused("plan", *dataset, "-a", "layer=3")
    assert "no array named 'model.layers.3.attn.q'" in message
    assert "needs an axis of its own" in attnbench.refused("plan", *dataset, "-a", "(layer,n)=(0,4),(1,8)")
    assert "unknown axis 'layer'" in attnbench.refused("plan", "-a", "layer=0")


def test_missing_names_propose_the_line_to_paste(attnbench, tmp_path):
    np.savez(tmp_path / "x.npz", **layered())
    message = attnbench.refused("plan", "--dataset", "file:x.npz")
    proposed = f"file:x.npz{PATTERN}"
    assert "it holds 'model.layers.0.attn.q', 'model.layers.0.attn.k'" in message
    assert message.endswith(f"choose by name: --dataset '{proposed}'")
    assert len(plan(attnbench, "--dataset", proposed)["cases"]) == 3


def test_masks_of_the_file_are_part_of_the_problem(attnbench, tmp_path):
    keys = np.arange(24) < np.array([20, 9])[:, None, None, None]
    np.savez(tmp_path / "x.npz", **capture(b=2), mask=keys.astype(np.int64))
    records = verified(attnbench, "--variants", "naive,blockwise", "--dataset", "file:x.npz", "-a", "n=16,24")
    assert [(r["problem"], r["status"]) for r in records] == [
        (f"b2 h4:2 n{n} d8:6 f32 mask=bool:b", "ok") for n in (16, 24) for _ in range(2)
    ]
    assert problems(plan(attnbench, "--dataset", "file:x.npz", "-a", "mask=none")) == ["b2 h4:2 n24 d8:6 f32"]


def test_a_layout_is_read_and_an_unlikely_one_is_hinted_at(attnbench, tmp_path):
    np.savez(tmp_path / "x.npz", **{name: x.transpose(0, 2, 1, 3) for name, x in capture(h_q=4, h_kv=4).items()})
    done = attnbench("plan", "--variants", "naive", "--dataset", "file:x.npz")
    assert (
        done.returncode == 0
        and "more heads than tokens; if the axes are [b, n, h, d], write layout=bnhd" in done.stderr
    )
    planned = plan(attnbench, "--dataset", "file:x.npz(layout=bnhd)")
    assert problems(planned) == ["b1 h4 n24 d8:6 f32"] and planned["files"][0]["notes"] == []
    assert planned["cases"][0]["dataset"] == "file(layout=bnhd):x.npz"


def test_nan_is_refused_when_the_part_with_it_is_used(attnbench, tmp_path):
    arrays = capture()
    arrays["k"][0, 1, 20, 3] = np.nan
    np.savez(tmp_path / "x.npz", **arrays)
    file = ["--variants", "naive", "--dataset", "file:x.npz"]
    assert [r["status"] for r in verified(attnbench, *file, "-a", "n=16")] == ["ok"]
    done = attnbench("verify", "--json", *file)
    assert done.returncode == 2 and "'k' in 'x.npz' holds NaN at index [0, 1, 20, 3]" in done.stderr


def test_a_run_of_a_file_can_be_carried_on(attnbench, tmp_path):
    np.savez(tmp_path / "x.npz", **capture())
    attnbench.ok(
        *["run", "--variants", "naive", "--dataset", "file:x.npz", "-a", "n=8,64", "--rounds", "1", "--samples", "1"],
        *["--no-weights", "--no-report", "--no-calibrate", "--out", "r"],
    )
    attnbench.ok("run", "--resume", "r", "--no-report", "--no-calibrate")
    records = [json.loads(line) for line in (tmp_path / "r/records.jsonl").read_text().splitlines()]
    assert {r["problem"] for r in records if r["status"] == "ok"} == {"b1 h4:2 n8 d8:6 f32"}
    assert {r["problem"] for r in records if r["status"] == "skipped"} == {"b1 h4:2 n64 d8:6 f32"}


def test_a_bomb_is_not_inflated_for_its_header(attnbench, tmp_path):
    """Members that inflate to more than their .npy header declares are refused by that header."""
    import zipfile

    names = {"q": (1, 1, 8, 4), "k": (1, 1, 8, 4), "v": (1, 1, 8, 4)}
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, shape in names.items():
            header = np.lib.format.header_data_from_array_1_0(np.empty(shape, np.float32))
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array_header_1_0(member, header)
                for _ in range(64):
                    member.write(bytes(2**20))
    message = attnbench.refused("verify", "--variants", "naive", "--dataset", "file:x.npz")
    assert "declares shape [1, 1, 8, 4], 256 bytes, and promises 67108992" in message


def test_long_names_of_arrays_and_paths_are_no_trouble_for_the_heat_maps(attnbench, tmp_path):
    folder = "d" * 200
    (tmp_path / folder).mkdir()
    np.savez(tmp_path / folder / "x.npz", **layered())
    attnbench.ok(
        *["run", "--variants", "naive", "--dataset", spec(0, f"{folder}/x.npz"), "--rounds", "1", "--samples", "1"],
        *["--no-report", "--no-calibrate", "--out", "r"],
    )
    records = [json.loads(line) for line in (tmp_path / "r/records.jsonl").read_text().splitlines()]
    (drawn,) = (r for r in records if r["kind"] == "weights")
    assert np.load(tmp_path / "r" / drawn["weights"]["file"]).shape == (4, 24, 24)
