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


@pytest.mark.parametrize("kind", ["boolean", "additive"])
@pytest.mark.parametrize(
    "shape",
    [(1,), (11,), (7, 1), (1, 11), (4, 1, 1), (2, 1, 1, 11), (1, 1, 1, 11), (1, 1, 1, 1), (2, 4, 1, 1)],
    ids=str,
)
def test_masks_broadcast_as_in_numpy(attnbench, tmp_path, kind, shape):
    q, k, v = arrays()
    mask = mask_of(kind, shape)
    save(tmp_path, q, k, v, mask)
    attnbench.ok(*command(mask=True))
    whole = np.broadcast_to(mask, (2, 4, 7, 11))
    assert np.abs(np.load(tmp_path / "o.npy") - softmax_attention(q, k, v, whole)).max() < 1e-5


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64])
def test_integer_masks_of_zeros_and_ones_are_boolean(attnbench, tmp_path, dtype):
    q, k, v = arrays()
    allowed = mask_of("boolean", (2, 1, 7, 11))
    save(tmp_path, q, k, v, allowed.astype(dtype))
    attnbench.ok(*command(mask=True))
    assert np.abs(np.load(tmp_path / "o.npy") - softmax_attention(q, k, v, allowed)).max() < 1e-5


def test_a_float_mask_of_zeros_and_ones_is_added_and_said(attnbench, tmp_path):
    q, k, v = arrays()
    mask = mask_of("boolean", (7, 11)).astype(np.float32)
    save(tmp_path, q, k, v, mask)
    done = attnbench(*command(mask=True))
    assert done.returncode == 0
    assert (
        "holds 0 and 1 as float32 and is added to the scores; if 1 means may attend, save it with .astype(bool)"
        in done.stderr
    )
    assert np.abs(np.load(tmp_path / "o.npy") - softmax_attention(q, k, v, mask)).max() < 1e-5


@pytest.mark.parametrize("variant", exact_variants())
def test_a_row_hidden_by_the_lowest_float64_is_the_mean_of_the_values(attnbench, tmp_path, variant):
    q, k, v = arrays(h_kv=4)
    lowest = np.finfo(np.float64).min
    mask = np.where(np.tril(np.ones((7, 11), bool)), 0, lowest)
    mask[0] = lowest
    mask[1] = -np.inf
    save(tmp_path, q, k, v, mask)
    attnbench.ok(*command(mask=True, variant=variant))
    output = np.load(tmp_path / "o.npy")
    assert np.abs(output[:, :, 0] - v.mean(axis=2)).max() < 1e-6
    assert (output[:, :, 1] == 0).all()


def band(n_q, n_k, left, right, causal=None):
    """Where a window around the diagonal lets a query see a key: bottom-right unless the causal mask is top-left."""
    distance = np.arange(n_k) - np.arange(n_q)[:, None] - (0 if causal == "top-left" else n_k - n_q)
    return (distance >= -left) & (distance <= right)


@pytest.mark.parametrize("causal", [None, "top-left", "bottom-right"])
def test_windows_and_key_lengths(attnbench, tmp_path, causal):
    q, k, v = arrays()
    save(tmp_path, q, k, v)
    flags = ["--causal", causal] if causal else []
    attnbench.ok(*command("--window", "3:1", "--klen", "9,4", *flags))
    mask = band(7, 11, 3, 1, causal) & (np.arange(11) < np.array([9, 4])[:, None, None, None])
    expected = softmax_attention(q, k, v, mask, causal)
    assert np.abs(np.load(tmp_path / "o.npy") - expected).max() < 1e-5
    attnbench.ok(*command("--window", "inf:0", "--klen", "5"))
    mask = band(7, 11, np.inf, 0) & (np.arange(11) < 5)
    assert np.abs(np.load(tmp_path / "o.npy") - softmax_attention(q, k, v, mask)).max() < 1e-5


def test_the_layout_bnhd(attnbench, tmp_path):
    q, k, v = arrays(n_q=9)
    save(tmp_path, *(np.ascontiguousarray(x.transpose(0, 2, 1, 3)) for x in (q, k, v)))
    done = attnbench(*command("--layout", "bnhd"))
    assert done.returncode == 0 and "note" not in done.stderr
    output = np.load(tmp_path / "o.npy")
    assert output.shape == (2, 9, 4, 24)
    assert np.abs(output.transpose(0, 2, 1, 3) - softmax_attention(q, k, v)).max() < 1e-5
    (tmp_path / "o.npy").unlink()
    refused(attnbench, tmp_path, *command(), words=["must divide", "they fit as [b, n, h, d]: add --layout bnhd"])


def test_a_likely_layout_is_a_hint_and_no_error(attnbench, tmp_path):
    save(tmp_path, *(x.transpose(0, 2, 1, 3).copy() for x in arrays(h_kv=4, n_q=11)))
    done = attnbench(*command())
    assert done.returncode == 0
    assert "'k.npy' [2, 11, 4, 16] is read as [b, h, n, d], more heads than tokens" in done.stderr
    assert "add --layout bnhd" in done.stderr
    save(tmp_path, *arrays())
    assert "note" not in attnbench(*command()).stderr


def bfloat16(x):
    """The upper halves of float32 values, as safetensors stores bfloat16, and the values they stand for."""
    upper = (x.view(np.uint32) >> 16).astype(np.uint16)
    return upper, (upper.astype(np.uint32) << 16).view(np.float32)


def save_safetensors(path, named):
    """A .safetensors file; uint16 arrays are called BF16."""
    kinds = {"float32": "F32", "float16": "F16", "uint16": "BF16", "bool": "BOOL", "int64": "I64"}
    header, data = {}, b""
    for name, array in named.items():
        raw = np.ascontiguousarray(array).tobytes()
        header[name] = {
            "dtype": kinds[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def test_inputs_from_npz_and_safetensors(attnbench, tmp_path):
    q, k, v = arrays()
    allowed = mask_of("boolean", (2, 1, 1, 11))
    np.savez(tmp_path / "x.npz", Q=q, K=k, V=v, mask=allowed)
    (q16, q_values), (k16, k_values) = bfloat16(q), bfloat16(k)
    half = v.astype(np.float16)
    named = {"h.0.q": q16, "h.0.k": k16, "h.0.v": half, "h.1.q": q16, "h.1.k": k16, "h.1.v": half, "padding": allowed}
    save_safetensors(tmp_path / "x.safetensors", named)
    exact = softmax_attention(q, k, v, allowed)
    rounded = softmax_attention(q_values, k_values, half, allowed)
    names = "(q=h.0.q,k=h.0.k,v=h.0.v,mask=padding)"
    separately = [flag for x in "qkv" for flag in (f"--{x}", f"x.safetensors:h.0.{x}")]
    for inputs, expected in [
        (["--inputs", "x.npz"], exact),
        (["--q", "x.npz", "--k", "x.npz:K", "--v", "x.npz:V", "--mask", "x.npz"], exact),
        (["--inputs", "x.safetensors" + names], rounded),
        ([*separately, "--mask", "x.safetensors:padding"], rounded),
    ]:
        attnbench.ok("apply", "blockwise", *inputs, "--out", "o.npy")
        assert np.abs(np.load(tmp_path / "o.npy") - expected).max() < 1e-5, inputs
        (tmp_path / "o.npy").unlink()
    for inputs, words in [
        (["--inputs", "x.safetensors"], ["choose by name: --inputs 'x.safetensors(q=h.{layer}.q,"]),
        (["--inputs", "x.safetensors(q=h.{layer}.q,k=h.{layer}.k,v=h.{layer}.v)"], ["a value in place of {layer}"]),
        (["--inputs", "x.npz", "--q", "x.npz"], ["leave out --q"]),
        (["--q", "x.npz"], ["--k FILE"]),
        (["--q", "x.npz:nope", "--k", "x.npz", "--v", "x.npz"], ["no array named 'nope'", "'K', 'V', 'mask'"]),
        (["--inputs", "missing.npz"], ["missing.npz"]),
        (["--inputs", "x.npz(layout=hbnd)"], ["bhnd|bnhd"]),
    ]:
        refused(attnbench, tmp_path, "apply", "blockwise", *inputs, "--out", "o.npy", words=words)


def log_sum_exp(q, k, mask, scale):
    group = q.shape[1] // k.shape[1]
    scores = np.einsum("bhid,bhjd->bhij", q.astype(np.float64), np.repeat(k, group, axis=1).astype(np.float64)) * scale
    with np.errstate(divide="ignore"):
        return np.log(np.exp(np.where(mask, scores, -np.inf)).sum(axis=-1))


def test_the_log_sum_exp_of_every_row(attnbench, tmp_path):
    q, k, v = arrays(n_q=11)
    save(tmp_path, q, k, v)
    attnbench.ok(*command("--lse", "l.npy", "--klen", "11,0", "--causal", "top-left", "--scale", "0.5"))
    lse = np.load(tmp_path / "l.npy")
    assert lse.dtype == np.float64 and lse.shape == (2, 4, 11)
    mask = np.tril(np.ones((11, 11), bool)) & (np.arange(11) < np.array([11, 0])[:, None, None, None])
    expected = log_sum_exp(q, k, mask, 0.5)
    assert np.abs(lse[0] - expected[0]).max() < 1e-12
    assert (lse[1] == -np.inf).all()

    attnbench.ok(*command("-p", "window=2", "--lse", "l.npy", variant="sliding_window"))
    near = np.abs(np.arange(11)[:, None] - np.arange(11)) <= 2
    assert np.abs(np.load(tmp_path / "l.npy") - log_sum_exp(q, k, near, 0.25)).max() < 1e-12
    (tmp_path / "o.npy").unlink()
    for variant, words in [("linear", ["linear has no log-sum-exp", "approximates"]), ("additive", ["of its own"])]:
        refused(attnbench, tmp_path, *command("--lse", "l.npy", variant=variant), words=words)


@pytest.mark.parametrize("variant", ["naive", "blockwise"])
def test_the_matrix_that_a_variant_applies(attnbench, tmp_path, variant):
    q, k, v = arrays(d_v=3)
    allowed = mask_of("boolean", (2, 1, 7, 11))
    save(tmp_path, q, k, v, allowed)
    attnbench.ok(*command("--weights", "w.npy", variant=variant, mask=True))
    weights = np.load(tmp_path / "w.npy")
    assert weights.dtype == np.float32 and weights.shape == (2, 4, 7, 11)
    identity = np.broadcast_to(np.eye(11, dtype=np.float32), (2, 2, 11, 11))
    assert np.abs(weights - softmax_attention(q, k, identity, allowed)).max() < 1e-6
    values = np.repeat(v, 2, axis=1)
    assert np.abs(np.einsum("bhij,bhjd->bhid", weights, values) - np.load(tmp_path / "o.npy")).max() < 1e-5


def test_weights_are_limited_and_refused_with_a_reason(attnbench, tmp_path):
    save(tmp_path, *arrays(b=1, h_q=1, h_kv=1, n_q=8193, n_k=8193, d=1, d_v=1))
    refused(attnbench, tmp_path, *command("--weights", "w.npy"), words=["67125249 weights", "67108864"])
    save(tmp_path, *arrays(h_kv=4, n_q=11, d_v=16))
    listed = json.loads(attnbench.ok("list", "--json"))["variants"]
    assert any(v["name"] == "multi_head" for v in listed)
    refused(
        attnbench, tmp_path, *command("--weights", "w.npy", variant="multi_head"), words=["multi_head", "no matrix"]
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
        (lambda q, k, v: (q.astype(int), k, v), ["q.npy", "int64"]),
        (lambda q, k, v: (q > 0, k, v), ["q.npy", "bool"]),
        (lambda q, k, v: (q.astype(complex), k, v), ["q.npy", "<c16"]),
    ],
)
def test_arrays_that_do_not_fit_are_refused(attnbench, tmp_path, change, words):
    save(tmp_path, *change(*arrays()))
    refused(attnbench, tmp_path, *command(), words=words)


@pytest.mark.parametrize(
    "mask, words",
    [
        (np.ones((7, 10), bool), ["m.npy", "shape [7, 10],", "does not broadcast", "[2, 4, 7, 11]"]),
        (np.ones((3, 7, 11), bool), ["shape [3, 7, 11],", "[2, 4, 7, 11]"]),
        (np.ones(7, bool), ["shape [7],"]),
        (np.ones((2, 7, 11), bool), ["shape [2, 7, 11],"]),
        (np.ones((1, 2, 4, 7, 11), bool), ["shape [1, 2, 4, 7, 11],"]),
        (np.full((7, 11), 2, np.int64), ["m.npy", "holds 2 at index [0, 0]", ".astype(bool)"]),
        (np.full((7, 11), -1, np.int8), ["holds -1 at index [0, 0]", ".astype(bool)"]),
        (np.full((7, 11), 1e39), ["m.npy", "1e+39"]),
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
        (command("--klen", "5,x"), ["--klen", "5,x"]),
        (command("--klen", "5,6,7"), ["3 key lengths for batch 2"]),
        (command("--klen", "12"), ["key length 12"]),
        (command("--window", "3"), ["--window", "LEFT:RIGHT"]),
        (command("--window", "3:x"), ["--window '3:x'"]),
        (command("--layout", "hbnd"), ["--layout"]),
        (["apply", "naive", "--q", "q.npy", "--k", "k.npy", "--v", "v.npy"], ["--out"]),
        (["apply", "naive", "--q", "missing.npy", "--k", "k.npy", "--v", "v.npy", "--out", "o.npy"], ["missing.npy"]),
        (["apply", "naive", "--q", "q.npy", "--k", "k.npy", "--v", "v.npy", "--out", "nowhere/o.npy"], ["nowhere"]),
        (["apply", "naive", "--q", "q.npy", "--k", "k.npy", "--v", "v.npy", "--out", "."], ["folder"]),
    ]:
        refused(attnbench, tmp_path, *arguments, words=words)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["k.npy", "q.npy", "v.npy"]
