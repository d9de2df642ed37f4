"""The drift reference: questions from a normal period. It is valid only for the embedder that made its vectors."""

import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from rag.errors import InvalidInput
from rag.types import EmbedderIdentity, Vector
from service.drift.archives import UNREADABLE, open_arrays, write_arrays
from service.drift.base import FORMER_NAMES, OF_THE_ANSWER, OF_THE_VECTOR, Feature, Observation
from service.drift.bins import Bins, cut_bins

SCHEMA = 1
MAX_QUESTIONS = 1000
"""More questions would slow down every answer and add little precision."""
MIN_QUESTIONS = 20
"""Deciles of fewer values are noise."""
_NEAREST = 5
_AXES = 4
_SEED = 28

Vectors = npt.NDArray[np.float32]
"""Shape (questions, dimension); each row has norm 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Question vectors of a normal period, and the bins of every feature."""

    id: str
    """Hash of the content. It labels the counters, so that counts of different references are never mixed."""
    embedder: EmbedderIdentity
    made_at: float
    """Unix time in seconds."""
    vectors: Vectors
    mean: Vector
    axes: Vectors
    bins: Mapping[Feature, Bins]
    vocabulary: frozenset[int]
    """Words of the collection as `word_key`. Empty if they are not known."""

    def of_vector(self, vector: Vector) -> list[float]:
        """Return the values of the features in `OF_THE_VECTOR`, in that order."""
        nearest = float(np.partition(self.vectors @ vector, -_NEAREST)[-_NEAREST:].mean())
        projected: list[float] = (self.axes @ (vector - self.mean)).tolist()
        return [*projected, nearest]


def word_key(stem: str) -> int:
    """Return a stem as 32 bits. A vocabulary of hashes is small and reveals no words."""
    return crc32(stem.encode())


def build_reference(
    observations: Sequence[Observation], embedder: EmbedderIdentity, vocabulary: Iterable[int] = ()
) -> Reference:
    """Build a reference from at most `MAX_QUESTIONS`, randomly. Raises `InvalidInput` below `MIN_QUESTIONS`."""
    if len(observations) < MIN_QUESTIONS:
        raise InvalidInput(f"A reference needs at least {MIN_QUESTIONS} questions; there are {len(observations)}.")
    # Shuffled, because the file may be ordered and the code below splits the questions into halves.
    order = np.random.default_rng(_SEED).permutation(len(observations))[:MAX_QUESTIONS]
    observations = [observations[index] for index in order]
    # Rounded as in the file, so that a reference behaves the same before and after it is written.
    vectors = np.stack([it.vector for it in observations]).astype(np.float16).astype(np.float32)
    # Axes from one half, deciles from the other: a sample spreads more along axes fitted to it than new questions do.
    fitted, others = vectors[::2], vectors[1::2]
    mean = fitted.mean(axis=0)
    axes = _principal_axes(fitted - mean)
    of_vectors = [*((others - mean) @ axes.T).T.astype(np.float64), nearest_among(vectors, vectors, same=True)]
    values: dict[Feature, npt.NDArray[np.float64]] = dict(zip(OF_THE_VECTOR, of_vectors, strict=True))
    for feature in OF_THE_ANSWER:
        observed = [it.values[feature] for it in observations if feature in it.values]
        if len(observed) >= MIN_QUESTIONS:
            values[feature] = np.asarray(observed, dtype=np.float64)
    bins = {feature: cut_bins(observed) for feature, observed in values.items()}
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
    """Read a reference. Raises `InvalidInput` if the file is not a valid one."""
    try:
        with open_arrays(path) as file:
            header: dict[str, Any] = json.loads(str(file["header"]))
            if header["schema"] != SCHEMA:
                raise InvalidInput(
                    f"{path} was written by another version of this program. Run `python -m evals reference`."
                )
            return Reference(
                id=header["id"],
                embedder=EmbedderIdentity(**header["embedder"]),
                made_at=header["made_at"],
                vectors=file["vectors"].astype(np.float32),
                mean=file["mean"],
                axes=file["axes"],
                bins={FORMER_NAMES.get(feature, feature): Bins(**bins) for feature, bins in header["bins"].items()},
                vocabulary=frozenset(file["vocabulary"].tolist()),
            )
    except UNREADABLE as error:
        raise InvalidInput(f"{path} is not a valid drift reference. Run `python -m evals reference`.") from error


def nearest_among(vectors: Vectors, others: Vectors, *, same: bool) -> npt.NDArray[np.float64]:
    """Return the mean cosine of each vector and its five nearest neighbours among `others`.

    `same` means that both arguments are the same vectors; a vector then does not count as its own neighbour.
    """
    cosines = vectors @ others.T
    if same:
        np.fill_diagonal(cosines, -1.0)
    nearest: npt.NDArray[np.float64] = np.partition(cosines, -_NEAREST, axis=1)[:, -_NEAREST:].mean(axis=1)
    return nearest.astype(np.float64)


def _principal_axes(centred: Vectors) -> Vectors:
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    first: Vectors = axes[:_AXES]
    # The signs of singular vectors are arbitrary. Fixing them makes the reference reproducible.
    signs = np.sign(first[np.arange(len(first)), np.abs(first).argmax(axis=1)])
    turned: Vectors = (first * signs[:, None]).astype(np.float32)
    return turned


def _digest(vectors: Vectors, bins: Mapping[Feature, Bins], words: Sequence[int]) -> str:
    described = json.dumps([{feature: asdict(it) for feature, it in bins.items()}, words])
    content = vectors.astype(np.float16).tobytes() + described.encode()
    return hashlib.sha256(content).hexdigest()[:12]
