"""What questions and answers were like: kept with the collection, and good for the embedder that made its vectors."""

import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args
from zlib import crc32

import numpy as np
import numpy.typing as npt

from rag.errors import InvalidInput
from rag.types import EmbedderIdentity, Vector
from service.drift.archives import UNREADABLE, write_arrays
from service.drift.base import OF_THE_ANSWER, OF_THE_VECTOR, Feature, Observation
from service.drift.bins import Bins, cut_bins

SCHEMA = 1
MOST_QUESTIONS = 1000
"""More would cost every question time, and tell little more."""
FEWEST_QUESTIONS = 20
_NEAREST = 5
_AXES = 4
_SEED = 28

Vectors = npt.NDArray[np.float32]
"""Shape (questions, dimension), each row of norm 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The questions of a time when all was well, as vectors, and the bins of every feature."""

    id: str
    """Changes with its content: what was counted for one reference is never compared with another."""
    embedder: EmbedderIdentity
    made_at: float
    """Unix time in seconds."""
    vectors: Vectors
    mean: Vector
    axes: Vectors
    bins: Mapping[Feature, Bins]
    vocabulary: frozenset[int]
    """Of the collection, as `word_key`; empty where it is not known."""

    def of_vector(self, vector: Vector) -> list[float]:
        """The values of `OF_THE_VECTOR`, in that order."""
        nearest = float(np.partition(self.vectors @ vector, -_NEAREST)[-_NEAREST:].mean())
        projected: list[float] = (self.axes @ (vector - self.mean)).tolist()
        return [*projected, nearest]


def word_key(stem: str) -> int:
    """A stem as 32 bits: a vocabulary of hashes is small, and says no word."""
    return crc32(stem.encode())


def build_reference(
    observations: Sequence[Observation], embedder: EmbedderIdentity, vocabulary: Iterable[int] = ()
) -> Reference:
    """Raises `InvalidInput` for too few; of too many a random sample counts."""
    if len(observations) < FEWEST_QUESTIONS:
        raise InvalidInput(f"{len(observations)} questions are too few to compare with: {FEWEST_QUESTIONS} at least.")
    # Shuffled, for the halves below: a file often has its questions in some order.
    chosen = np.random.default_rng(_SEED).permutation(len(observations))[:MOST_QUESTIONS]
    observations = [observations[index] for index in chosen]
    # As they are kept, so that what is counted now and what is read later agree.
    vectors = np.stack([it.vector for it in observations]).astype(np.float16).astype(np.float32)
    # Axes of one half, deciles of the other: along its own axes a sample is wider than anything that comes after it.
    fitted, others = vectors[::2], vectors[1::2]
    mean = fitted.mean(axis=0)
    axes = _principal_axes(fitted - mean)
    of_vectors = [*((others - mean) @ axes.T).T.astype(np.float64), nearest_among(vectors, vectors, same=True)]
    values: dict[Feature, npt.NDArray[np.float64]] = dict(zip(OF_THE_VECTOR, of_vectors, strict=True))
    for feature in OF_THE_ANSWER:
        found = [it.values[feature] for it in observations if feature in it.values]
        if len(found) >= FEWEST_QUESTIONS:
            values[feature] = np.asarray(found, dtype=np.float64)
    bins = {feature: cut_bins(found) for feature, found in values.items()}
    vocabulary = frozenset(vocabulary)
    return Reference(
        id=_digest(vectors, bins, sorted(vocabulary)),
        embedder=embedder,
        made_at=time.time(),
        vectors=vectors,
        mean=mean,
        axes=axes,
        bins=bins,
        vocabulary=vocabulary,
    )


def write_reference(reference: Reference, path: Path) -> None:
    header = {
        "schema": SCHEMA,
        "id": reference.id,
        "embedder": asdict(reference.embedder),
        "made_at": reference.made_at,
        "bins": {feature: asdict(bins) for feature, bins in reference.bins.items()},
    }
    write_arrays(
        path,
        header=np.array(json.dumps(header)),
        vectors=reference.vectors.astype(np.float16),
        mean=reference.mean,
        axes=reference.axes,
        vocabulary=np.array(sorted(reference.vocabulary), dtype=np.uint32),
    )


def read_reference(path: Path) -> Reference:
    """Raises `InvalidInput` where it cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as file:
            header: dict[str, Any] = json.loads(str(file["header"]))
            if header["schema"] != SCHEMA:
                raise InvalidInput(f"{path} was written by another version of this program: make the reference anew.")
            return Reference(
                id=header["id"],
                embedder=EmbedderIdentity(**header["embedder"]),
                made_at=header["made_at"],
                vectors=file["vectors"].astype(np.float32),
                mean=file["mean"],
                axes=file["axes"],
                bins={name: Bins(**header["bins"][name]) for name in get_args(Feature) if name in header["bins"]},
                vocabulary=frozenset(file["vocabulary"].tolist()),
            )
    except UNREADABLE as error:
        raise InvalidInput(f"{path} is no reference of drift: {error}") from error


def nearest_among(vectors: Vectors, others: Vectors, *, same: bool) -> npt.NDArray[np.float64]:
    """Mean cosine of each vector and its five nearest of the others; `same`: they are the same, so not with itself."""
    cosines = vectors @ others.T
    if same:
        np.fill_diagonal(cosines, -1.0)
    nearest: npt.NDArray[np.float64] = np.partition(cosines, -_NEAREST, axis=1)[:, -_NEAREST:].mean(axis=1)
    return nearest.astype(np.float64)


def _principal_axes(centred: Vectors) -> Vectors:
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    first: Vectors = axes[:_AXES]
    # Their signs are the solver's whim.
    signs = np.sign(first[np.arange(len(first)), np.abs(first).argmax(axis=1)])
    turned: Vectors = (first * signs[:, None]).astype(np.float32)
    return turned


def _digest(vectors: Vectors, bins: Mapping[Feature, Bins], words: Sequence[int]) -> str:
    described = json.dumps([{feature: asdict(it) for feature, it in bins.items()}, words])
    content = vectors.astype(np.float16).tobytes() + described.encode()
    return hashlib.sha256(content).hexdigest()[:12]
