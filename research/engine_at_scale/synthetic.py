"""Makes any number of synthetic passages from a few thousand real ones, with the structure of real vectors.

A synthetic passage lies between two real neighbours. Its text has sentences of both, and its vector is

    normalise(a + w (b - a) + s/4 sum of 16 e_k (d_k - c_k)),   w from 0 to 1/2, s = 0.7, e_k normal

where b is one of the 16 nearest neighbours of a, and each d_k - c_k is the difference of two other neighbours. Clusters
are therefore preserved, and noise has the directions in which real passages differ. Random vectors would all be equally
far from each other, unlike any corpus, and say nothing about an approximate index. With s = 0.7, the distance to the
nearest neighbour is realistic (cosine 0.71 of 100,000 against 0.68 of 7,400 real ones), and so is the intrinsic
dimension (11.7 against 14.7). With 0.5 the search would be too easy (6.9), with 1.0 too hard (21).
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
"""Points are made in blocks. A block is identical each time it is made."""
CHUNKS_PER_DOCUMENT = 20
TENANTS = {Scope(tenant="most"): 0.9, Scope(tenant="some"): 0.09, Scope(tenant="few"): 0.01}
"""The tenants' shares of the passages."""

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
    """The positions of each passage's nearest neighbours, without itself."""


def read_passages(folders: Sequence[Path]) -> tuple[list[str], list[str]]:
    """Return the distinct documents and questions of data sets in BEIR's format."""
    passages = dict.fromkeys(document.text for folder in folders for document in read_corpus(folder) if document.text)
    questions = dict.fromkeys(text for folder in folders for text in read_texts(folder).values())
    return list(passages), list(questions)


def find_neighbours(texts: Sequence[str], vectors: Vectors) -> SourceTexts:
    nearest = [_nearest(vectors, start) for start in range(0, len(vectors), _SLICE)]
    return SourceTexts(texts=texts, vectors=vectors, neighbours=np.concatenate(nearest))


def make_vectors(source: SourceTexts, block: int) -> Vectors:
    """Return the vectors of one block, shape (`BLOCK`, dimension), each of length 1."""
    _, vectors = _make(source, block)
    return vectors


def make_points(source: SourceTexts, block: int) -> Iterator[tuple[Scope, list[Point]]]:
    """Yield the points of one block, document by document."""
    (first, second), vectors = _make(source, block)
    words = np.random.default_rng((_SEED, block, 1))
    for start in range(0, BLOCK, CHUNKS_PER_DOCUMENT):
        number = (block * BLOCK + start) // CHUNKS_PER_DOCUMENT
        rows = range(start, start + CHUNKS_PER_DOCUMENT)
        texts = [_mix(source.texts[first[row]], source.texts[second[row]], words) for row in rows]
        chunks = [_to_chunk(number, ordinal, text) for ordinal, text in enumerate(texts)]
        yield (
            scope_of(number),
            [Point(chunk=chunk, vector=vectors[row]) for chunk, row in zip(chunks, rows, strict=True)],
        )


def scope_of(document: int) -> Scope:
    """Return the owner of a document. Of each hundred documents, the first one belongs to the smallest tenant."""
    place, below = document % 100 / 100, 0.0
    for scope, share in sorted(TENANTS.items(), key=lambda item: item[1]):
        below += share
        if place < below - 1e-9:
            return scope
    raise ValueError(f"The shares of tenants do not add up to 1: {TENANTS}")


def chunk_id(document: int, ordinal: int) -> str:
    return str(uuid5(NAMESPACE_URL, f"{document}/{ordinal}"))


def intrinsic_dimension(vectors: Vectors, among: Vectors, *, neighbours: int = 20) -> float:
    """Return Levina and Bickel's maximum-likelihood estimate with MacKay's average, over the nearest neighbours."""
    cosines = np.sort(vectors @ among.T, axis=1)[:, ::-1]
    # A vector that is itself in `among` is its own nearest neighbour and must be skipped.
    nearest = np.where(cosines[:, :1] > 1 - 1e-6, cosines[:, 1 : neighbours + 1], cosines[:, :neighbours])
    distances = np.sqrt(np.maximum(2 - 2 * nearest, 1e-12))
    inverse = np.log(distances[:, -1:] / distances[:, :-1]).mean(axis=1)
    return float(1 / inverse.mean())


def _nearest(vectors: Vectors, start: int) -> npt.NDArray[np.intp]:
    """Return the neighbours of one slice. The table of all similarities would need more than 100 MB."""
    similarities = vectors[start : start + _SLICE] @ vectors.T
    own = np.arange(len(similarities))
    similarities[own, own + start] = -1
    return np.argpartition(-similarities, _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS]


def _make(source: SourceTexts, block: int) -> tuple[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]], Vectors]:
    random_source, known = np.random.default_rng((_SEED, block)), source.vectors
    first = random_source.integers(len(known), size=BLOCK)
    second = _neighbours_of(first, source, random_source)
    towards = random_source.uniform(0, 0.5, size=(BLOCK, 1)).astype(np.float32)
    made = known[first] + towards * (known[second] - known[first])
    for _ in range(_DIFFERENCES):
        one = random_source.integers(len(known), size=BLOCK)
        scale = _SCATTER / _DIFFERENCES**0.5 * random_source.standard_normal((BLOCK, 1), dtype=np.float32)
        made += scale * (known[_neighbours_of(one, source, random_source)] - known[one])
    return (first, second), made / np.linalg.norm(made, axis=1, keepdims=True)


def _neighbours_of(
    rows: npt.NDArray[np.intp], source: SourceTexts, random_source: np.random.Generator
) -> npt.NDArray[np.intp]:
    """Return a random neighbour of each row."""
    return source.neighbours[rows, random_source.integers(_NEIGHBOURS, size=len(rows))]


def _mix(first: str, second: str, random_source: np.random.Generator) -> str:
    """Return sentences of both texts in random order, with about the length of the first text."""
    sentences = [*_SENTENCE.split(first), *_SENTENCE.split(second)]
    random_source.shuffle(sentences)
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
        language="en",
        ordinal=ordinal,
        version="v1",
        ingested_at=float(document),
        chunk_count=CHUNKS_PER_DOCUMENT,
    )
