"""Whether an embedder keeps what its port promises, asked before a collection is filled with its vectors."""

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
_SAME = 0.9999
# Quantised models read a text a little differently in other company.
_SAME_IN_COMPANY = 0.98
_DISTINCT = 0.999
# Two texts that differ in so much of their end give vectors this far apart, unless the end is not read.
_END_SHARE = 8
_LEAST_DISTANCE = 0.01
GOLDEN_COSINE = 0.9999


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One promise, and what was measured of it."""

    check: str
    holds: bool
    measured: str


async def validate(embedder: Embedder, tokenizer: Tokenizer) -> list[Finding]:
    """Asks a few dozen texts. The golden vectors are compared where the weights are those they were made with."""
    together = await _embed(embedder, _PROBES)
    twice = await _embed(embedder, _PROBES)
    alone = np.stack([(await _embed(embedder, [text]))[0] for text in _PROBES])
    findings = [
        _dimension(together, embedder.identity.dimension),
        _norm(together),
        _same("the same texts twice", together, twice, _SAME),
        _same("a text alone and among others", together, alone, _SAME_IN_COMPANY),
        _distinct(together),
        _reads_to_the_end(await _embed(embedder, _long_pair(tokenizer)), tokenizer.max_tokens),
    ]
    if embedder.identity.digest == PACKAGED_SHA256:
        findings.append(await _golden(embedder))
    return findings


async def require_valid(embedder: Embedder, tokenizer: Tokenizer) -> None:
    """Raises `BadResponse` that names each promise which does not hold."""
    broken = [finding for finding in await validate(embedder, tokenizer) if not finding.holds]
    if broken:
        reasons = "; ".join(f"{finding.check}: {finding.measured}" for finding in broken)
        raise BadResponse(f"The embedder {embedder.identity.model} is refused. {reasons}. Nothing was switched.")


async def _embed(embedder: Embedder, texts: Sequence[str]) -> Matrix:
    vectors: list[Vector] = await embedder.embed_passages(texts)
    return np.stack(vectors)


def _dimension(vectors: Matrix, declared: int) -> Finding:
    given = vectors.shape[1]
    return Finding(check="dimension", holds=given == declared, measured=f"{given}, declared {declared}")


def _norm(vectors: Matrix) -> Finding:
    furthest = float(np.max(np.abs(np.linalg.norm(vectors, axis=1) - 1)))
    # Written so that a vector that is not a number does not hold.
    return Finding(check="norm", holds=furthest <= _NORM_TOLERANCE, measured=f"1 ± {furthest:.1e}")


def _same(check: str, some: Matrix, others: Matrix, least: float) -> Finding:
    cosine = _least_cosine(some, others)
    return Finding(check=check, holds=cosine >= least, measured=f"cosine {cosine:.6f}, at least {least}")


def _distinct(vectors: Matrix) -> Finding:
    cosines = vectors @ vectors.T
    nearest = float(np.max(cosines[~np.eye(len(vectors), dtype=bool)]))
    return Finding(
        check="different texts", holds=nearest < _DISTINCT, measured=f"cosine {nearest:.4f}, below {_DISTINCT}"
    )


def _reads_to_the_end(pair: Matrix, max_tokens: int) -> Finding:
    distance = float(np.linalg.norm(pair[0] - pair[1]))
    return Finding(
        check=f"reads all of {max_tokens} tokens",
        holds=distance >= _LEAST_DISTANCE,
        measured=f"other ends, distance {distance:.4f}, at least {_LEAST_DISTANCE}",
    )


async def _golden(embedder: Embedder) -> Finding:
    # One text at a time, as they were made: in company a quantised model differs.
    vectors = np.stack([(await _embed(embedder, [text]))[0] for text in golden_texts()])
    return _same("golden vectors", vectors, golden_vectors(), GOLDEN_COSINE)


def _long_pair(tokenizer: Tokenizer) -> list[str]:
    """Two texts of exactly as many tokens as fit, alike but for their ends."""
    end = max(1, tokenizer.max_tokens // _END_SHARE)
    beginning = _repeat("water ", tokenizer.max_tokens - end, tokenizer)
    return [beginning + _repeat(word, end, tokenizer) for word in ("river ", "tax ")]


def _repeat(word: str, tokens: int, tokenizer: Tokenizer) -> str:
    return word * (tokens // max(1, len(tokenizer.spans(word))))


def _least_cosine(some: Matrix, others: Matrix) -> float:
    return float(np.min(np.sum(some * others, axis=1)))
