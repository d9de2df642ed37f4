"""The plan's model on this machine's GPU: how near a prompt comes to its arithmetic, and a token to its memory.

A decoder of that size with random weights, in plain PyTorch: its times depend on shapes alone. A model server adds its
scheduler and its sampling, and has kernels of its own for attention, so it may do a little better or worse.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from loadtests.inputs import Inputs
from loadtests.planning import prefill_seconds, token_seconds

HEADER = (
    "| what | sequences | predicted | measured: median (min to max) | of the data sheet | planned with |\n"
    "|---|---|---|---|---|---|"
)
_REPETITIONS = 30
_WARMING = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Of Llama 3.1 8B, as its config.json says."""

    hidden: int = 4096
    layers: int = 32
    heads: int = 32
    kv_heads: int = 8
    mlp: int = 14336
    vocabulary: int = 128256

    @property
    def head(self) -> int:
        return self.hidden // self.heads


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measurement beside what the plan takes it for."""

    what: str
    sequences: int
    predicted: float
    """Seconds, as each of those that it took."""
    took: Sequence[float]
    planned: float
    """Share of the data sheet's arithmetic, or of its bandwidth."""

    @property
    def median(self) -> float:
        return statistics.median(self.took)

    @property
    def reached(self) -> float:
        return self.planned * self.predicted / self.median

    def to_row(self) -> str:
        low, middle, high = (f"{seconds * 1000:.1f}" for seconds in (min(self.took), self.median, max(self.took)))
        return (
            f"| {self.what} | {self.sequences} | {self.predicted * 1000:.1f} ms | {middle} ms ({low} to {high}) "
            f"| {self.reached:.2f} | {self.planned:.2f} |"
        )


class _Layer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self._shape = shape
        self._before_attention, self._before_mlp = nn.RMSNorm(shape.hidden), nn.RMSNorm(shape.hidden)
        self._qkv = nn.Linear(shape.hidden, (shape.heads + 2 * shape.kv_heads) * shape.head, bias=False)
        self._out = nn.Linear(shape.hidden, shape.hidden, bias=False)
        self._up = nn.Linear(shape.hidden, 2 * shape.mlp, bias=False)
        self._down = nn.Linear(shape.mlp, shape.hidden, bias=False)

    def forward(self, states: Tensor, cache: Tensor | None) -> Tensor:
        """`cache`: keys and values (2, sequences, kv heads, context, head), the last of them still to be written."""
        shape = self._shape
        parts = self._qkv(self._before_attention(states)).unflatten(-1, (-1, shape.head)).transpose(1, 2)
        query, keys, values = parts.split([shape.heads, shape.kv_heads, shape.kv_heads], dim=1)
        if cache is not None:
            cache[0, :, :, -1:], cache[1, :, :, -1:] = keys, values
            keys, values = cache[0], cache[1]
        seen = functional.scaled_dot_product_attention(query, keys, values, is_causal=cache is None, enable_gqa=True)
        states = states + self._out(seen.transpose(1, 2).flatten(2))
        gate, up = self._up(self._before_mlp(states)).chunk(2, dim=-1)
        added: Tensor = states + self._down(functional.silu(gate) * up)
        return added


class Decoder(nn.Module):
    """Without the rotation of positions, which is no matrix and reads nothing."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self._embedding = nn.Embedding(shape.vocabulary, shape.hidden)
        self._layers = nn.ModuleList(_Layer(shape) for _ in range(shape.layers))
        self._norm = nn.RMSNorm(shape.hidden)
        self._head = nn.Linear(shape.hidden, shape.vocabulary, bias=False)

    def forward(self, tokens: Tensor, caches: list[Tensor] | None = None) -> Tensor:
        """Tokens (sequences, length) to the next token's scores (sequences, vocabulary)."""
        states = self._embedding(tokens)
        for index, layer in enumerate(self._layers):
            states = layer(states, caches[index] if caches else None)
        scores: Tensor = self._head(self._norm(states[:, -1]))
        return scores


@torch.inference_mode()
def measure(inputs: Inputs, device: str, *, shape: Shape | None = None) -> Iterator[Row]:
    """Prompts alone and a few at once, then tokens of one sequence up to as many as the plan has slots."""
    shape, model, gpu = shape or Shape(), inputs.model, inputs.gpu
    torch.manual_seed(0)
    with torch.device(device):
        decoder = Decoder(shape).to(torch.bfloat16).eval()
        for sequences in (1, 4):
            tokens = torch.randint(shape.vocabulary, (sequences, model.prompt_tokens))
            yield Row(
                what=f"prompts of {model.prompt_tokens:,} tokens",
                sequences=sequences,
                predicted=sequences * prefill_seconds(inputs),
                took=_time(partial(decoder, tokens), device),
                planned=gpu.compute_efficiency,
            )
        context = model.prompt_tokens + model.answer_tokens // 2
        for sequences in (1, 16, model.slots):
            tokens = torch.randint(shape.vocabulary, (sequences, 1))
            size = (2, sequences, shape.kv_heads, context, shape.head)
            caches = [torch.randn(size, dtype=torch.bfloat16) for _ in range(shape.layers)]
            yield Row(
                what=f"one token after {context:,}",
                sequences=sequences,
                predicted=token_seconds(sequences, inputs),
                took=_time(_captured(partial(decoder, tokens, caches), device), device),
                planned=gpu.bandwidth_efficiency,
            )


def _captured(step: Callable[[], Tensor], device: str) -> Callable[[], object]:
    """As model servers do it: hundreds of small kernels are started as one, or starting them is what is measured."""
    if device == "cpu":
        return step
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch left its type out
    with torch.cuda.stream(stream):
        for _ in range(_WARMING):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def _time(step: Callable[[], object], device: str) -> list[float]:
    took = []
    for _ in range(_WARMING + _REPETITIONS):
        started = time.perf_counter()
        step()
        if device != "cpu":
            torch.cuda.synchronize()
        took.append(time.perf_counter() - started)
    return took[_WARMING:]
