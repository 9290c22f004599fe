"""A run of 47 variants in 8 families, as large as the catalogue: what its figures and tables must hold."""

import random
from pathlib import Path

import numpy as np
from synthetic_runs import Law, Recipe

FAMILIES = {
    "exact": "naive scaled_dot_product blockwise additive dot_product cosine alibi attention_sink forgetting pointwise "
             "differential relative_bias",
    "sparse": "sliding_window strided block_sparse",
    "selection": "top_k reformer_lsh hyper_attention deepseek_sparse moba native_sparse",
    "low_rank": "linformer nystromformer",
    "kernelized": "linear performer cosformer taylor efficient",
    "recurrent": "retention gla mamba2_ssd delta_net gated_delta_net kimi_delta rwkv6 rwkv7 mlstm log_linear",
    "mixing": "identity lstm gru conv1d long_conv fourier",
    "composed": "multi_head mla transformer_layer",
}  # fmt: skip
COUNT = 47
APPROXIMATE = {"sparse": "masked_softmax"} | dict.fromkeys(
    ("selection", "low_rank", "kernelized"), "approximates_softmax"
)
EXACT = ("naive", "scaled_dot_product", "blockwise")


def zoo(seed: int = 3) -> tuple[Law, ...]:
    """In no order, as a plan may have them."""
    dice = random.Random(seed)
    laws = []
    for family, names in FAMILIES.items():
        for name in names.split():
            slow = family in ("exact", "composed") or name in ("top_k", "deepseek_sparse")
            computes = "exact_softmax" if name in EXACT else APPROXIMATE.get(family, "own_definition")
            laws.append(Law(
                name, computes, 2 if slow else 1, 0.012 * 2 ** dice.uniform(-1, 3), len(name) % 3,
                2e-7 if name in EXACT else dice.uniform(0.02, 1.2), family,
                {"window": 256, "global_tokens": 64} if name == "sliding_window" else {},
                readable=family not in ("mixing", "composed"),
            ))  # fmt: skip
    dice.shuffle(laws)
    return tuple(laws)


RECIPE = Recipe(laws=zoo(), sizes=(512, 1024, 2048, 4096, 8192), rounds=6, samples=2)


def apart(run: Path) -> None:
    """Gives every variant an attention matrix of its own."""
    for i, file in enumerate(sorted((run / "weights").iterdir())):
        rows = np.random.default_rng(i).dirichlet(np.full(24, 0.3), 24).astype(np.float32)
        np.save(file, rows[None].repeat(2, axis=0))
