"""If these fail, a user cannot give a variant the extra inputs it needs, or is not told which those are."""

import json

import numpy as np
import pytest

B, H_Q, H_KV, N, D = 2, 4, 2, 12, 8
PROBLEM = f"b{B} h{H_Q}:{H_KV} n{N} d{D} f32 causal"


@pytest.fixture
def gated(attnbench):
    """A variant with the extra input `gate` [b, h_kv, n_k, 1], which multiplies the weight of each key."""
    return ("--plugin", attnbench.binary.parent / "tests" / "plugins" / "libgated.so")


@pytest.fixture
def arrays(tmp_path):
    random = np.random.default_rng(1)
    made = {
        "q": random.standard_normal((B, H_Q, N, D)),
        "k": random.standard_normal((B, H_KV, N, D)),
        "v": random.standard_normal((B, H_KV, N, D)),
        "gate": random.random((B, H_KV, N)),
    }
    made = {name: array.astype("float32") for name, array in made.items()}
    for name, array in made.items():
        np.save(tmp_path / f"{name}.npy", array)
    np.savez(tmp_path / "all.npz", **made)
    return made


def gated_attention(q, k, v, gate):
    k, v, gate = (np.repeat(x, H_Q // H_KV, axis=1).astype(float) for x in (k, v, gate))
    scores = q.astype(float) @ k.swapaxes(2, 3) / np.sqrt(D)
    scores[:, :, ~np.tri(N, dtype=bool)] = -np.inf
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return (weights * gate[:, :, None, :]) @ v


SEPARATE = ("--q", "q.npy", "--k", "k.npy", "--v", "v.npy", "--causal", "top-left", "--out", "o.npy")


@pytest.mark.parametrize(
    "given",
    [
        (*SEPARATE, "--extra", "gate=gate.npy"),
        (*SEPARATE, "--extra", "gate=all.npz"),
        (*SEPARATE, "--extra", "gate=all.npz:gate"),
        ("--inputs", "all.npz", "--causal", "top-left", "--out", "o.npy"),
    ],
)
def test_apply_takes_extra_inputs_from_files(attnbench, tmp_path, gated, arrays, given):
    attnbench.ok("apply", "gated", *given, *gated)
    assert np.abs(np.load(tmp_path / "o.npy") - gated_attention(**arrays)).max() < 1e-5


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ((), "gated needs the input 'gate'; its extra inputs: gate [2, 2, 12, 1] ([b, h, n, d]; --extra NAME=FILE)"),
        (("--extra", "beta=gate.npy"), "gated has no input 'beta'; its extra inputs: gate [2, 2, 12, 1]"),
        (("--extra", "gate.npy"), "expected NAME=FILE"),
        (("--extra", "gate=q.npy"), "has shape [2, 4, 12, 8]"),
        (("--extra", "gate=gate.npy", "--extra", "gate=gate.npy"), "gate is given twice"),
    ],
)
def test_a_missing_unknown_or_misshapen_extra_input_is_one_line(attnbench, tmp_path, gated, arrays, extra, words):
    assert words in attnbench.refused("apply", "gated", *SEPARATE, *extra, *gated)
    assert not (tmp_path / "o.npy").exists()


def test_a_variant_without_extra_inputs_takes_none(attnbench, tmp_path, arrays):
    message = attnbench.refused("apply", "naive", *SEPARATE, "--extra", "gate=gate.npy")
    assert "naive has no input 'gate'; its extra inputs: none" in message


def test_describe_shows_extra_inputs_and_needs(attnbench, gated):
    text = attnbench.ok("describe", "gated(mean=2)", "--problem", PROBLEM, *gated)
    assert "gate [2, 2, 12, 1], sigmoid(2): what each key's weight is multiplied by" in text
    assert "Needs          causal" in text
    assert "cannot run" not in attnbench.ok("describe", "gated", *gated)  # causal, as it needs it
    described = json.loads(attnbench.ok("describe", "gated", "--json", *gated))
    assert described["needs"] == ["causal"]
    assert [(e["name"], e["shape"]) for e in described["extras"]] == [("gate", [1, 8, 1024, 1])]
    assert "Extra inputs" not in attnbench.ok("describe", "naive") and "Needs" not in attnbench.ok("describe", "naive")


def test_verify_reads_extra_inputs_of_a_file_and_of_a_generator(attnbench, tmp_path, gated, arrays):
    for dataset in ("file:all.npz", "gaussian"):
        attnbench.ok("verify", "--variants", "gated,naive", "--problem", PROBLEM, "--dataset", dataset, *gated)


def test_a_misshapen_extra_input_costs_the_variant_that_reads_it_alone(attnbench, tmp_path, gated, arrays):
    np.savez(tmp_path / "all.npz", **{**arrays, "gate": arrays["gate"][:, :, :-1]})
    text = attnbench.ok(
        "verify", "--variants", "gated,naive", "--problem", PROBLEM, "--dataset", "file:all.npz", *gated
    )
    assert "the input 'gate' is [b, h, n, d] = [2, 2, 12, 1]" in text
    assert text.endswith("1 ok, 1 not run, 0 failed\n")


def test_a_run_serves_variants_that_want_another_input_of_the_same_name(attnbench, tmp_path, gated):
    attnbench.ok(
        "run", "--variants", "gated,gated(mean=3),naive", "--problem", PROBLEM, *gated, "--rounds", 1, "--samples", 1,
        "--out", "run", "--no-report", "--no-weights",
    )  # fmt: skip
    records = [json.loads(line) for line in (tmp_path / "run" / "records.jsonl").read_text().splitlines()]
    assert {r["status"] for r in records} == {"ok"}
    digests = {r["verify"]["output_digest"] for r in records if r["kind"] == "verify"}
    assert len(digests) == 3
