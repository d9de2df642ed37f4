"""As many passages as wanted from a few thousand real ones, with the structure that real vectors have.

A made passage stands between two real ones that are neighbours: its text has sentences of both, and its vector is

    normalise(a + w (b - a) + s/4 sum of 16 e_k (d_k - c_k)),   w from 0 to 1/2, s = 0.7, e_k normal

where b is one of the 16 nearest of a, and every d_k - c_k is the difference between another two neighbours. So clusters
stay clusters, and what scatters around them scatters in the directions in which real passages differ. Vectors of any
direction are all equally far from one another, which no corpus is, and say nothing about an approximate index. With
s = 0.7 the made ones have the real ones' distance to their nearest (cosine 0.71 of 100,000 against 0.68 of 7,400) and
nearly their intrinsic dimension (11.7 against 14.7); 0.5 makes the search easier than it is (6.9), 1.0 harder (21).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import numpy as np
import numpy.typing as npt

from evals.datasets import read_corpus, read_texts
from rag.types import Chunk, DocumentId, Point, Scope

Vectors = npt.NDArray[np.float32]

BLOCK = 10_000
"""Points are made in blocks: a block is the same whenever it is made."""
CHUNKS_PER_DOCUMENT = 20
TENANTS = {Scope(tenant="most"): 0.9, Scope(tenant="some"): 0.09, Scope(tenant="few"): 0.01}
"""Whose the passages are, by share."""

_NEIGHBOURS = 16
_DIFFERENCES = 16
_SCATTER = 0.7
_SLICE = 512
_SEED = 384
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTexts:
    """Real passages with their vectors, and real questions."""

    texts: Sequence[str]
    vectors: Vectors
    neighbours: npt.NDArray[np.intp]
    """The nearest of each, itself left out: rows of positions."""


def read_passages(folders: Sequence[Path]) -> tuple[list[str], list[str]]:
    """The documents and the questions of data sets in BEIR's form, each once."""
    passages = dict.fromkeys(document.text for folder in folders for document in read_corpus(folder) if document.text)
    questions = dict.fromkeys(text for folder in folders for text in read_texts(folder).values())
    return list(passages), list(questions)


def to_material(texts: Sequence[str], vectors: Vectors) -> SourceTexts:
    nearest = [_nearest(vectors, start) for start in range(0, len(vectors), _SLICE)]
    return SourceTexts(texts=texts, vectors=vectors, neighbours=np.concatenate(nearest))


def make_vectors(material: SourceTexts, block: int) -> Vectors:
    """Of one block: as many rows as `BLOCK`, each of length 1."""
    _, vectors = _make(material, block)
    return vectors


def make_points(material: SourceTexts, block: int) -> Iterator[tuple[Scope, list[Point]]]:
    """One block, document by document."""
    (first, second), vectors = _make(material, block)
    words = np.random.default_rng((_SEED, block, 1))
    for start in range(0, BLOCK, CHUNKS_PER_DOCUMENT):
        number = (block * BLOCK + start) // CHUNKS_PER_DOCUMENT
        rows = range(start, start + CHUNKS_PER_DOCUMENT)
        texts = [_mix(material.texts[first[row]], material.texts[second[row]], words) for row in rows]
        chunks = [_to_chunk(number, ordinal, text) for ordinal, text in enumerate(texts)]
        yield (
            scope_of(number),
            [Point(chunk=chunk, vector=vectors[row]) for chunk, row in zip(chunks, rows, strict=True)],
        )


def scope_of(document: int) -> Scope:
    """Of each hundred documents the first is of the smallest tenant."""
    place, below = document % 100 / 100, 0.0
    for scope, share in sorted(TENANTS.items(), key=lambda item: item[1]):
        below += share
        if place < below - 1e-9:
            return scope
    raise ValueError(f"The shares of tenants do not add up to 1: {TENANTS}")


def chunk_id(document: int, ordinal: int) -> str:
    return str(uuid5(NAMESPACE_URL, f"{document}/{ordinal}"))


def intrinsic_dimension(vectors: Vectors, among: Vectors, *, neighbours: int = 20) -> float:
    """Levina and Bickel's maximum-likelihood estimate over the nearest `neighbours` of a sample (MacKay's average)."""
    cosines = np.sort(vectors @ among.T, axis=1)[:, ::-1]
    # A vector that is among them meets itself first.
    nearest = np.where(cosines[:, :1] > 1 - 1e-6, cosines[:, 1 : neighbours + 1], cosines[:, :neighbours])
    distances = np.sqrt(np.maximum(2 - 2 * nearest, 1e-12))
    inverse = np.log(distances[:, -1:] / distances[:, :-1]).mean(axis=1)
    return float(1 / inverse.mean())


def _nearest(vectors: Vectors, start: int) -> npt.NDArray[np.intp]:
    """Of one slice: the whole table of similarities would be a tenth of a gigabyte and more."""
    similarities = vectors[start : start + _SLICE] @ vectors.T
    own = np.arange(len(similarities))
    similarities[own, own + start] = -1
    return np.argpartition(-similarities, _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS]


def _make(material: SourceTexts, block: int) -> tuple[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]], Vectors]:
    chance, known = np.random.default_rng((_SEED, block)), material.vectors
    first = chance.integers(len(known), size=BLOCK)
    second = _neighbours_of(first, material, chance)
    towards = chance.uniform(0, 0.5, size=(BLOCK, 1)).astype(np.float32)
    made = known[first] + towards * (known[second] - known[first])
    for _ in range(_DIFFERENCES):
        one = chance.integers(len(known), size=BLOCK)
        scale = _SCATTER / _DIFFERENCES**0.5 * chance.standard_normal((BLOCK, 1), dtype=np.float32)
        made += scale * (known[_neighbours_of(one, material, chance)] - known[one])
    return (first, second), made / np.linalg.norm(made, axis=1, keepdims=True)


def _neighbours_of(
    rows: npt.NDArray[np.intp], material: SourceTexts, chance: np.random.Generator
) -> npt.NDArray[np.intp]:
    """One for each, at random."""
    return material.neighbours[rows, chance.integers(_NEIGHBOURS, size=len(rows))]


def _mix(first: str, second: str, chance: np.random.Generator) -> str:
    """Sentences of both in any order, as long as the first."""
    sentences = [*_SENTENCE.split(first), *_SENTENCE.split(second)]
    chance.shuffle(sentences)
    kept: list[str] = []
    for sentence in sentences:
        kept.append(sentence)
        if sum(map(len, kept)) >= len(first):
            break
    return " ".join(kept)


def _to_chunk(document: int, ordinal: int, text: str) -> Chunk:
    return Chunk(
        id=chunk_id(document, ordinal),
        document_id=DocumentId(f"d{document}"),
        uri=f"made:///handbook/part-{document % 97}/{document}.md",
        media_type="text/markdown",
        title=f"Handbook, part {document}",
        heading_path=("Handbook", f"Part {document}"),
        text=text,
        ordinal=ordinal,
        version="v1",
        ingested_at=float(document),
        chunk_count=CHUNKS_PER_DOCUMENT,
    )
