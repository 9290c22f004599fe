"""PyTorch from Python, for what its C++ library does not have: nn.MultiheadAttention as Python users get it, and
flex_attention, which exists only as code that torch.compile generates. The backends of scaled_dot_product_attention run
in process (variants/external/torch).
"""

import shutil

from attnbench_adapter.operator import Operator, Problem, Tensors, Unavailable

try:
    import torch
except (ImportError, OSError) as error:
    raise Unavailable(f"torch cannot be imported: {error}") from error


def use_threads(threads: int) -> str:
    torch.set_num_threads(threads)
    return f"torch.set_num_threads({threads}), OpenMP"


def capability() -> str:
    """The instruction set of the kernels chosen, "AVX512"."""
    return torch.backends.cpu.get_cpu_capability()


def library() -> str:
    return f"PyTorch {torch.__version__}"


class MultiheadAttention:
    """Weights as given, no biases, evaluation mode, no averaged weights asked for."""

    def __init__(self, problem: Problem, tensors: Tensors, threads: int):
        self.problem, self.tensors = problem, tensors
        self.threads = use_threads(threads)
        width = problem.heads_q * problem.d_qk
        self.module = torch.nn.MultiheadAttention(width, problem.heads_q, bias=False, batch_first=True).eval()
        projections = [torch.from_numpy(tensors[name][0, 0]) for name in ("w_q", "w_k", "w_v")]
        with torch.no_grad():
            self.module.in_proj_weight.copy_(torch.cat(projections))
            self.module.out_proj.weight.copy_(torch.from_numpy(tensors["w_o"][0, 0]))
        self.causal = problem.causal != "none"
        self.mask = torch.nn.Transformer.generate_square_subsequent_mask(problem.n_q) if self.causal else None

    def load(self) -> None:
        """[batch, n, head d], the module's own order."""
        self.q, self.k, self.v = (
            torch.from_numpy(self.tensors[name]).transpose(1, 2).flatten(2).contiguous() for name in ("q", "k", "v")
        )

    @torch.inference_mode()
    def call(self) -> None:
        self.output, _ = self.module(
            self.q, self.k, self.v, need_weights=False, attn_mask=self.mask, is_causal=self.causal
        )

    def store(self) -> None:
        p = self.problem
        heads = self.output.unflatten(2, (p.heads_q, p.d_v)).transpose(1, 2)
        torch.from_numpy(self.tensors["output"]).copy_(heads)

    def facts(self) -> dict[str, str]:
        return {
            "library": library(),
            "kernel": f"its own products around scaled_dot_product_attention, {capability()}",
            "threads": self.threads,
            "layout": "[batch, n, head d]",
        }


class FlexAttention:
    """A kernel that the compiler makes for this very shape; a causal mask becomes a block mask with empty tiles."""

    def __init__(self, problem: Problem, tensors: Tensors, threads: int):
        if not (shutil.which("g++") or shutil.which("clang++")):
            raise Unavailable("flex_attention needs a C++ compiler at run time; found neither g++ nor clang++")
        from torch.nn.attention.flex_attention import create_block_mask, flex_attention

        self.problem, self.tensors = problem, tensors
        self.threads = use_threads(threads)
        self.compiled = torch.compile(flex_attention, dynamic=False)
        self.block_mask = None
        if problem.causal != "none":
            shift = problem.n_k - problem.n_q if problem.causal == "bottom_right" else 0
            self.block_mask = create_block_mask(
                lambda b, h, i, j: j <= i + shift, None, None, problem.n_q, problem.n_k, device="cpu"
            )
        self.load()
        self.call()  # compiles

    def load(self) -> None:
        self.q, self.k, self.v = (torch.from_numpy(self.tensors[name]) for name in ("q", "k", "v"))

    @torch.no_grad()
    def call(self) -> None:
        p = self.problem
        self.output = self.compiled(
            self.q, self.k, self.v, block_mask=self.block_mask, scale=p.scale, enable_gqa=p.group > 1
        )

    def store(self) -> None:
        torch.from_numpy(self.tensors["output"]).copy_(self.output)

    def facts(self) -> dict[str, str]:
        return {
            "library": library(),
            "kernel": f"flex_attention compiled by inductor, {capability()}",
            "threads": self.threads,
            "layout": "[batch, head, n, d]",
        }


OPERATORS = {"mha": MultiheadAttention, "flex": FlexAttention}


def open_operator(mode: str, problem: Problem, tensors: Tensors, threads: int) -> Operator:
    return OPERATORS[mode](problem, tensors, threads)
