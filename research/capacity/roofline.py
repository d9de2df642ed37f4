"""Compares the GPU model of the capacity plan with this machine's GPU (ADR 0033).

The plan assumes that arithmetic limits a prompt and memory bandwidth limits a token. This runs a decoder of the planned
size with random weights in plain PyTorch, because its times depend on shapes only. A model server adds scheduling and
sampling and has its own attention kernels, so it may be a little faster or slower.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from loadtests.capacity.inputs import CapacityInputs
from loadtests.capacity.planning import prefill_seconds, token_seconds

HEADER = (
    "| what | sequences | predicted | measured: median (min to max) | of the data sheet | planned with |\n"
    "|---|---|---|---|---|---|"
)
_REPETITIONS = 30
_WARMUPS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderShape:
    """The dimensions of a decoder. The defaults are those of Llama 3.1 8B's config.json."""

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
class RooflineRow:
    """One measurement beside the plan's prediction."""

    what: str
    sequences: int
    predicted: float
    """Seconds."""
    seconds: Sequence[float]
    """One measured value per repetition."""
    planned: float
    """The efficiency that the plan assumes: share of the data sheet's arithmetic or bandwidth."""

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def reached(self) -> float:
        """The efficiency that was measured."""
        return self.planned * self.predicted / self.median

    def to_row(self) -> str:
        low, middle, high = (f"{value * 1000:.1f}" for value in (min(self.seconds), self.median, max(self.seconds)))
        return (
            f"| {self.what} | {self.sequences} | {self.predicted * 1000:.1f} ms | {middle} ms ({low} to {high}) "
            f"| {self.reached:.2f} | {self.planned:.2f} |"
        )


class _Layer(nn.Module):
    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        self._shape = shape
        self._before_attention, self._before_mlp = nn.RMSNorm(shape.hidden), nn.RMSNorm(shape.hidden)
        self._qkv = nn.Linear(shape.hidden, (shape.heads + 2 * shape.kv_heads) * shape.head, bias=False)
        self._out = nn.Linear(shape.hidden, shape.hidden, bias=False)
        self._up = nn.Linear(shape.hidden, 2 * shape.mlp, bias=False)
        self._down = nn.Linear(shape.mlp, shape.hidden, bias=False)

    def forward(self, states: Tensor, cache: Tensor | None) -> Tensor:
        """Return the new states.

        `cache` has keys and values, shape (2, sequences, kv heads, context, head). Its last position is written here.
        """
        shape = self._shape
        parts = self._qkv(self._before_attention(states)).unflatten(-1, (-1, shape.head)).transpose(1, 2)
        query, keys, values = parts.split([shape.heads, shape.kv_heads, shape.kv_heads], dim=1)
        if cache is not None:
            cache[0, :, :, -1:], cache[1, :, :, -1:] = keys, values
            keys, values = cache[0], cache[1]
        heads = functional.scaled_dot_product_attention(query, keys, values, is_causal=cache is None, enable_gqa=True)
        states = states + self._out(heads.transpose(1, 2).flatten(2))
        gate, up = self._up(self._before_mlp(states)).chunk(2, dim=-1)
        output: Tensor = states + self._down(functional.silu(gate) * up)
        return output


class Decoder(nn.Module):
    """A decoder without rotary position embeddings, which have no weights and cost almost nothing."""

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        self._embedding = nn.Embedding(shape.vocabulary, shape.hidden)
        self._layers = nn.ModuleList(_Layer(shape) for _ in range(shape.layers))
        self._norm = nn.RMSNorm(shape.hidden)
        self._head = nn.Linear(shape.hidden, shape.vocabulary, bias=False)

    def forward(self, tokens: Tensor, caches: list[Tensor] | None = None) -> Tensor:
        """Return the next token's scores, shape (sequences, vocabulary), for tokens of shape (sequences, length)."""
        states = self._embedding(tokens)
        for index, layer in enumerate(self._layers):
            states = layer(states, caches[index] if caches else None)
        scores: Tensor = self._head(self._norm(states[:, -1]))
        return scores


@torch.inference_mode()
def measure_roofline(
    inputs: CapacityInputs, device: str, *, shape: DecoderShape | None = None
) -> Iterator[RooflineRow]:
    """Time one and four prompts, then one token for 1, 16 and all slots of the plan."""
    shape, model, gpu = shape or DecoderShape(), inputs.model, inputs.gpu
    torch.manual_seed(0)
    with torch.device(device):
        decoder = Decoder(shape).to(torch.bfloat16).eval()
        for sequences in (1, 4):
            tokens = torch.randint(shape.vocabulary, (sequences, model.prompt_tokens))
            yield RooflineRow(
                what=f"prompts of {model.prompt_tokens:,} tokens",
                sequences=sequences,
                predicted=sequences * prefill_seconds(inputs),
                seconds=_time(partial(decoder, tokens), device),
                planned=gpu.compute_efficiency,
            )
        context = model.prompt_tokens + model.answer_tokens // 2
        for sequences in (1, 16, model.slots):
            tokens = torch.randint(shape.vocabulary, (sequences, 1))
            size = (2, sequences, shape.kv_heads, context, shape.head)
            caches = [torch.randn(size, dtype=torch.bfloat16) for _ in range(shape.layers)]
            yield RooflineRow(
                what=f"one token after {context:,}",
                sequences=sequences,
                predicted=token_seconds(sequences, inputs),
                seconds=_time(_as_cuda_graph(partial(decoder, tokens, caches), device), device),
                planned=gpu.bandwidth_efficiency,
            )


def _as_cuda_graph(step: Callable[[], Tensor], device: str) -> Callable[[], object]:
    """Return the step as a CUDA graph, as model servers run it. Otherwise launching hundreds of kernels dominates."""
    if device == "cpu":
        return step
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch has no type for it
    with torch.cuda.stream(stream):
        for _ in range(_WARMUPS):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def _time(step: Callable[[], object], device: str) -> list[float]:
    durations = []
    for _ in range(_WARMUPS + _REPETITIONS):
        started = time.perf_counter()
        step()
        if device != "cpu":
            torch.cuda.synchronize()
        durations.append(time.perf_counter() - started)
    return durations[_WARMUPS:]
