"""Checks that an embedder keeps the promises of its port, before a collection is filled with its vectors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.migration.golden import golden_texts, golden_vectors
from rag.embedding.base import Embedder, Tokenizer
from rag.embedding.weights import PACKAGED_SHA256
from rag.errors import BadResponse
from rag.types import Vector

Matrix = npt.NDArray[np.float32]

_PROBES = (
    "What is a vector database?",
    "Repairing a flat bicycle tyre takes ten minutes and a patch.",
    "The history of the piano begins in Florence around 1700.",
    "def retrieve(question: str) -> list[ScoredChunk]: ...",
    "Zürich, 東京 and Ωmega: 3.14 % of 1,000,000",
    "no",
)
_NORM_TOLERANCE = 1e-3
_MIN_REPEAT_COSINE = 0.9999
# Lower, because the vector of a quantised model depends a little on the other texts in its batch.
_MIN_BATCH_COSINE = 0.98
_MAX_DISTINCT_COSINE = 0.999
# Two texts of full length that differ only in their last eighth must have this distance: a smaller one means that
# the model truncates earlier than its tokenizer says.
_END_SHARE = 8
_MIN_END_DISTANCE = 0.01
GOLDEN_COSINE = 0.9999


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One promise of an embedder, and what was measured."""

    check: str
    holds: bool
    measured: str


async def check_embedder(embedder: Embedder, tokenizer: Tokenizer) -> list[CheckResult]:
    """Embed a few dozen texts and return one result per check.

    The golden vectors are compared only if the embedder has the weights that they were made with.
    """
    together = await _embed(embedder, _PROBES)
    again = await _embed(embedder, _PROBES)
    alone = np.stack([(await _embed(embedder, [text]))[0] for text in _PROBES])
    dimension, declared = together.shape[1], embedder.identity.dimension
    results = [
        CheckResult(check="dimension", holds=dimension == declared, measured=f"{dimension}, declared {declared}"),
        _check_norm(together),
        _check_cosine("the same texts twice", together, again, _MIN_REPEAT_COSINE),
        _check_cosine("a text alone and in a batch", together, alone, _MIN_BATCH_COSINE),
        _check_distinct(together),
        _check_length(await _embed(embedder, _long_pair(tokenizer)), tokenizer.max_tokens),
    ]
    if embedder.identity.digest == PACKAGED_SHA256:
        # One text at a time, as the golden vectors were made.
        golden = np.stack([(await _embed(embedder, [text]))[0] for text in golden_texts()])
        results.append(_check_cosine("golden vectors", golden, golden_vectors(), GOLDEN_COSINE))
    return results


async def require_valid(embedder: Embedder, tokenizer: Tokenizer) -> None:
    """Raise `BadResponse` that names each failed check."""
    failed = [result for result in await check_embedder(embedder, tokenizer) if not result.holds]
    if failed:
        reasons = "; ".join(f"{result.check}: {result.measured}" for result in failed)
        raise BadResponse(
            f"The embedder {embedder.identity.model} failed its checks, so nothing was switched. {reasons}. "
            "Choose another model, or fix the server behind RAG_EMBEDDER__URL."
        )


async def _embed(embedder: Embedder, texts: Sequence[str]) -> Matrix:
    vectors: list[Vector] = await embedder.embed_passages(texts)
    return np.stack(vectors)


def _check_norm(vectors: Matrix) -> CheckResult:
    deviation = float(np.max(np.abs(np.linalg.norm(vectors, axis=1) - 1)))
    # `<=` and not `not >`: a comparison with NaN is false, so a vector with NaN fails the check.
    return CheckResult(check="norm", holds=deviation <= _NORM_TOLERANCE, measured=f"1 ± {deviation:.1e}")


def _check_cosine(check: str, first: Matrix, second: Matrix, least: float) -> CheckResult:
    cosine = float(np.min(np.sum(first * second, axis=1)))
    return CheckResult(check=check, holds=cosine >= least, measured=f"cosine {cosine:.6f}, at least {least}")


def _check_distinct(vectors: Matrix) -> CheckResult:
    cosines = vectors @ vectors.T
    nearest = float(np.max(cosines[~np.eye(len(vectors), dtype=bool)]))
    return CheckResult(
        check="different texts",
        holds=nearest < _MAX_DISTINCT_COSINE,
        measured=f"cosine {nearest:.4f}, below {_MAX_DISTINCT_COSINE}",
    )


def _check_length(pair: Matrix, max_tokens: int) -> CheckResult:
    distance = float(np.linalg.norm(pair[0] - pair[1]))
    return CheckResult(
        check=f"reads all of {max_tokens} tokens",
        holds=distance >= _MIN_END_DISTANCE,
        measured=f"texts with different ends have distance {distance:.4f}, at least {_MIN_END_DISTANCE}",
    )


def _long_pair(tokenizer: Tokenizer) -> list[str]:
    """Return two texts of exactly `max_tokens` tokens that differ only at their ends."""
    end = max(1, tokenizer.max_tokens // _END_SHARE)
    beginning = _repeat("water ", tokenizer.max_tokens - end, tokenizer)
    return [beginning + _repeat(word, end, tokenizer) for word in ("river ", "tax ")]


def _repeat(word: str, tokens: int, tokenizer: Tokenizer) -> str:
    return word * (tokens // max(1, len(tokenizer.spans(word))))
