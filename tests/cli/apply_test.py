"""If these fail, `apply` gives outsiders another answer than the mathematics, or takes arrays it should refuse."""

import json

import numpy as np
import pytest

RNG = np.random.default_rng(7)


def softmax_attention(q, k, v, mask=None, causal=None, scale=None, softcap=None):
    """The definition in float64. q [b, h_q, n_q, d], k [b, h_kv, n_k, d], v [b, h_kv, n_k, d_v]."""
    q, k, v = (x.astype(np.float64) for x in (q, k, v))
    group = q.shape[1] // k.shape[1]
    k, v = np.repeat(k, group, axis=1), np.repeat(v, group, axis=1)
    scores = np.einsum("bhid,bhjd->bhij", q, k) * (scale if scale is not None else q.shape[-1] ** -0.5)
    if softcap:
        scores = softcap * np.tanh(scores / softcap)
    n_q, n_k = scores.shape[-2:]
    if causal:
        offset = n_k - n_q if causal == "bottom-right" else 0
        scores = np.where(np.arange(n_k) <= np.arange(n_q)[:, None] + offset, scores, -np.inf)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask.astype(np.float64)
    top = scores.max(axis=-1, keepdims=True)
    weights = np.exp(scores - np.where(np.isfinite(top), top, 0))
    total = weights.sum(axis=-1, keepdims=True)
    return np.einsum("bhij,bhjd->bhid", np.divide(weights, total, out=np.zeros_like(weights), where=total > 0), v)


def arrays(b=2, h_q=4, h_kv=2, n_q=7, n_k=11, d=16, d_v=24):
    shapes = (b, h_q, n_q, d), (b, h_kv, n_k, d), (b, h_kv, n_k, d_v)
    return tuple(RNG.standard_normal(shape, dtype=np.float32) for shape in shapes)


def save(folder, q, k, v, mask=None):
    for name, array in zip("qkvm", (q, k, v, mask), strict=True):
        if array is not None:
            np.save(folder / f"{name}.npy", array)


def command(*more, variant="blockwise", mask=False):
    files = ["--q", "q.npy", "--k", "k.npy", "--v", "v.npy", "--out", "o.npy"]
    return ["apply", variant, *files, *(["--mask", "m.npy"] if mask else []), *more]


def exact_variants():
    return ["naive", "scaled_dot_product", "blockwise"]


def mask_of(kind, shape):
    allowed = RNG.random(shape) < 0.7
    allowed[..., 0] = True
    return allowed if kind == "boolean" else np.where(allowed, RNG.standard_normal(shape), -np.inf).astype(np.float32)


def test_the_exact_variants_are_the_ones_tested_here(attnbench):
    listed = json.loads(attnbench.ok("list", "--json"))["variants"]
    assert {v["name"] for v in listed if v["computes"] == "exact_softmax"} >= set(exact_variants())


@pytest.mark.parametrize("variant", exact_variants())
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"causal": "top-left"},
        {"causal": "bottom-right"},
        {"scale": 0.7},
        {"softcap": 2.5},
        {"causal": "bottom-right", "scale": -0.3, "softcap": 5.0},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "mask",
    [None, ("boolean", (7, 11)), ("boolean", (2, 1, 7, 11)), ("additive", (4, 7, 11)), ("additive", (1, 4, 7, 11))],
    ids=str,
)
def test_exact_variants_agree_with_float64(attnbench, tmp_path, variant, options, mask):
    q, k, v = arrays()
    values = mask_of(*mask) if mask else None
    save(tmp_path, q, k, v, values)
    flags = [f"--{name}={value}" for name, value in options.items()]
    attnbench.ok(*command(*flags, variant=variant, mask=mask is not None))
    output = np.load(tmp_path / "o.npy")
    assert output.dtype == np.float32 and output.shape == (2, 4, 7, 24)
    assert np.abs(output - softmax_attention(q, k, v, values, **options)).max() < 1e-5


@pytest.mark.parametrize("variant", exact_variants())
def test_longer_problems_on_two_threads_agree_too(attnbench, tmp_path, variant):
    q, k, v = arrays(b=1, h_q=2, h_kv=2, n_q=300, n_k=300, d=64, d_v=64)
    save(tmp_path, q, k, v)
    attnbench.ok(*command("--threads", "2", "--causal", "top-left", variant=variant))
    assert np.abs(np.load(tmp_path / "o.npy") - softmax_attention(q, k, v, causal="top-left")).max() < 1e-5


@pytest.mark.parametrize("rank", [2, 3])
def test_arrays_of_lower_rank_give_an_output_of_that_rank(attnbench, tmp_path, rank):
    q, k, v = (x[0] if rank == 3 else x[0, 0] for x in arrays(h_q=4, h_kv=4))
    save(tmp_path, q, k, v)
    attnbench.ok(*command())
    expanded = (x[None] if rank == 3 else x[None, None] for x in (q, k, v))
    output = np.load(tmp_path / "o.npy")
    assert output.ndim == rank
    assert np.abs(output - softmax_attention(*expanded).reshape(output.shape)).max() < 1e-5


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_element_types_are_converted(attnbench, tmp_path, dtype):
    q, k, v = (x.astype(dtype) for x in arrays())
    save(tmp_path, q, np.asfortranarray(k), v)
    attnbench.ok(*command())
    assert np.abs(np.load(tmp_path / "o.npy") - softmax_attention(q, k, v)).max() < 1e-5


def test_a_parameter_reaches_the_variant(attnbench, tmp_path):
    q, k, v = arrays(b=1, h_q=1, h_kv=1, n_q=12, n_k=12, d=8, d_v=8)
    save(tmp_path, q, k, v)
    attnbench.ok(*command("-p", "window=2", variant="sliding_window"))
    near = np.abs(np.arange(12)[:, None] - np.arange(12)) <= 2
    assert np.abs(np.load(tmp_path / "o.npy") - softmax_attention(q, k, v, near)).max() < 1e-5


def test_a_row_that_sees_nothing_is_zero(attnbench, tmp_path):
    q, k, v = arrays()
    mask = np.ones((7, 11), bool)
    mask[3] = False
    save(tmp_path, q, k, v, mask)
    attnbench.ok(*command(mask=True))
    assert (np.load(tmp_path / "o.npy")[:, :, 3] == 0).all()


@pytest.mark.parametrize("variant", exact_variants())
@pytest.mark.parametrize("kind", ["boolean", "additive"])
def test_a_key_that_nobody_sees_may_hold_nan(attnbench, tmp_path, variant, kind):
    q, k, v = arrays()
    allowed = np.ones((7, 11), bool)
    allowed[:, 4] = False
    clean = softmax_attention(q, k, v, allowed)
    k[:, :, 4] = np.nan
    v[:, :, 4] = np.inf
    save(tmp_path, q, k, v, allowed if kind == "boolean" else np.where(allowed, 0, -np.inf).astype(np.float32))
    attnbench.ok(*command(variant=variant, mask=True))
    assert np.abs(np.load(tmp_path / "o.npy") - clean).max() < 1e-5


def refused(attnbench, tmp_path, *arguments, words):
    message = attnbench.refused(*arguments)
    for word in words:
        assert word in message, message
    assert not (tmp_path / "o.npy").exists()


@pytest.mark.parametrize("which, index", [("q", (1, 2, 3, 4)), ("k", (1, 0, 10, 15)), ("v", (0, 1, 2, 3))])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_are_refused_with_their_index(attnbench, tmp_path, which, index, value):
    named = dict(zip("qkv", arrays(), strict=True))
    named[which][index] = value
    save(tmp_path, **named)
    refused(
        attnbench,
        tmp_path,
        *command(),
        words=[f"{which}.npy", str(list(index)), "NaN" if np.isnan(value) else "infinity"],
    )


def test_a_key_that_one_query_sees_may_not_hold_nan(attnbench, tmp_path):
    q, k, v = arrays(n_q=11)
    k[0, 0, 10] = np.nan  # the last query sees it
    save(tmp_path, q, k, v)
    refused(attnbench, tmp_path, *command("--causal", "top-left"), words=["k.npy", "[0, 0, 10, 0]"])


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda q, k, v: (q[0, 0, 0], k, v), ["k.npy", "axes"]),
        (lambda q, k, v: (q[0, 0, 0], k[0, 0, 0], v[0, 0, 0]), ["q.npy", "[16]"]),
        (lambda q, k, v: (q[0], k, v), ["[4, 7, 16]", "same number of axes"]),
        (lambda q, k, v: (q, k[:1], v[:1]), ["[1, 2, 11, 16]", "same batch"]),
        (lambda q, k, v: (q, k[:, :1], v), ["same number of heads"]),
        (lambda q, k, v: (q, k[:, :, :5], v), ["same length"]),
        (lambda q, k, v: (q[..., :8], k, v), ["same dimension"]),
        (lambda q, k, v: (q[:, :3], k, v), ["[2, 3, 7, 16]", "must divide"]),
        (lambda q, k, v: (q[:, :, :0], k, v), ["no elements"]),
        (lambda q, k, v: (q.astype(int), k, v), ["q.npy"]),
        (lambda q, k, v: (q > 0, k, v), ["booleans"]),
    ],
)
def test_arrays_that_do_not_fit_are_refused(attnbench, tmp_path, change, words):
    save(tmp_path, *change(*arrays()))
    refused(attnbench, tmp_path, *command(), words=words)


@pytest.mark.parametrize(
    "mask, words",
    [
        (np.ones((7, 10), bool), ["[1, 1, 7, 10]", "[1 or 2, 1 or 4, 7, 11]"]),
        (np.ones((3, 7, 11), bool), ["1 or 4"]),
        (np.ones(11, bool), ["m.npy"]),
        (np.ones((7, 11), np.int64), ["m.npy"]),
        (np.full((7, 11), np.nan, np.float32), ["NaN", "m.npy"]),
        (np.full((7, 11), np.inf, np.float32), ["inf", "m.npy"]),
    ],
)
def test_masks_that_do_not_fit_are_refused(attnbench, tmp_path, mask, words):
    save(tmp_path, *arrays(), mask)
    refused(attnbench, tmp_path, *command(mask=True), words=words)


def test_files_that_are_no_arrays_are_refused(attnbench, tmp_path):
    save(tmp_path, *arrays())
    whole = (tmp_path / "k.npy").read_bytes()
    for content in (b"", b"not an array at all", whole[:100], whole[:-4], b"PK\x03\x04" + whole):
        (tmp_path / "k.npy").write_bytes(content)
        refused(attnbench, tmp_path, *command(), words=["k.npy"])


def test_other_mistakes_are_refused(attnbench, tmp_path):
    save(tmp_path, *arrays())
    for arguments, words in [
        (command(variant="blockwize"), ["did you mean 'blockwise'"]),
        (command(variant="naive,blockwise"), ["one variant"]),
        (command("-p", "window"), ["NAME=VALUE"]),
        (command("-p", "window=3"), ["unknown parameter 'window'"]),
        (command("--causal", "yes"), ["--causal", "yes"]),
        (command("--scale", "nan"), ["scale"]),
        (command("--softcap", "-1"), ["softcap"]),
        (command("--threads", "0"), ["--threads"]),
        (command("--softcap", "3", variant="linear"), ["linear does not support softcap"]),
        (["apply", "naive", "--q", "q.npy", "--k", "k.npy", "--v", "v.npy"], ["--out"]),
        (["apply", "naive", "--q", "missing.npy", "--k", "k.npy", "--v", "v.npy", "--out", "o.npy"], ["missing.npy"]),
        (["apply", "naive", "--q", "q.npy", "--k", "k.npy", "--v", "v.npy", "--out", "nowhere/o.npy"], ["nowhere"]),
        (["apply", "naive", "--q", "q.npy", "--k", "k.npy", "--v", "v.npy", "--out", "."], ["folder"]),
    ]:
        refused(attnbench, tmp_path, *arguments, words=words)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["k.npy", "q.npy", "v.npy"]
