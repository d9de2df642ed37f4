"""Streams of real questions with a known change: mixtures of public data sets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.progress import track

from evals.datasets import read_dataset, read_texts
from rag.embedding.base import Embedder
from service.drift.reference import Vectors

LENGTH = 500
"""Questions per day."""
# Share of a set's topics that count as known. The others are new topics of the same set.
_KNOWN_TOPICS = 0.75
_SEED = 28

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """A mixture: questions of the set `base`, of which a share is replaced by questions of `added`."""

    base: str
    added: str
    length: int = LENGTH

    def __str__(self) -> str:
        return f"{self.base}+{self.added}"


CHOSEN_ON = (Mix(base="scifact", added="clapnq-dev"), Mix(base="clapnq-dev", added="scifact", length=300))
"""Mixes that were used to build the test. They are not reported as evidence."""
REPORTED = (
    Mix(base="xquad-en", added="cranfield"),
    Mix(base="xquad-en", added="scifact"),
    Mix(base="xquad-en", added="clapnq-dev"),
    Mix(base="xquad-en:known", added="xquad-en:new"),
    Mix(base="scifact", added="xquad-en"),
    Mix(base="scifact", added="cranfield"),
)
SETS = ("scifact", "clapnq-dev", "xquad-en", "cranfield")


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """Row numbers of `vectors` for the reference and the questions of each stream."""

    vectors: Vectors
    references: Rows
    """Shape (streams, reference)."""
    questions: Rows
    """Shape (streams, questions)."""


@dataclass(frozen=True, slots=True)
class Pools:
    """The vectors of all sets, and the rows of each set."""

    vectors: Vectors
    rows: Mapping[str, Rows]

    def draw(self, mix: Mix, *, share: float, count: int) -> Streams:
        """Draw streams without repetition. The reference of a stream is the rest of its base set."""
        random = np.random.default_rng([_SEED, int(share * 1000), *str(mix).encode()])
        base, added = self.rows[mix.base], self.rows[mix.added]
        references, questions = [], []
        for _ in range(count):
            shuffled = random.permutation(base)
            stream = shuffled[: mix.length].copy()
            changed = np.flatnonzero(random.random(mix.length) < share)[: len(added)]
            stream[changed] = random.permutation(added)[: len(changed)]
            references.append(shuffled[mix.length :])
            questions.append(stream)
        return Streams(vectors=self.vectors, references=np.array(references), questions=np.array(questions))

    def draw_bursts(self, name: str, groups: Sequence[int], *, length: int, count: int) -> Streams:
        """Draw streams of complete groups. No group of a stream is in its reference."""
        random = np.random.default_rng(_SEED)
        rows, of = self.rows[name], np.asarray(groups)
        references, questions = [], []
        for _ in range(count):
            order = random.permutation(np.unique(of))
            by_group = np.concatenate([rows[of == group] for group in order])
            questions.append(by_group[:length])
            references.append(by_group[length:])
        return Streams(vectors=self.vectors, references=np.array(references), questions=np.array(questions))


async def embed_pools(folder: Path, embedder: Embedder) -> Pools:
    """Embed the questions one at a time, as the service does."""
    vectors: list[npt.NDArray[np.float32]] = []
    rows: dict[str, Rows] = {}
    for name in SETS:
        texts = read_texts(folder / name)
        start = len(vectors)
        vectors += [await embedder.embed_query(text) for text in track(texts.values(), name)]
        rows[name] = np.arange(start, len(vectors))
        known = _is_known(folder / name, list(texts))
        if known is not None:
            rows |= {f"{name}:known": rows[name][known], f"{name}:new": rows[name][~known]}
    return Pools(np.stack(vectors), rows)


def groups_of(folder: Path) -> list[int]:
    """Return the number of each question's document, as the group of questions that one reader may ask."""
    dataset = read_dataset(folder)
    documents = {document: number for number, document in enumerate(sorted({*_documents(folder)}))}
    return [documents[next(iter(dataset.relevant[question]))] for question in read_texts(folder)]


def _documents(folder: Path) -> list[str]:
    return [document.id for document in read_dataset(folder).documents]


def _is_known(folder: Path, questions: Sequence[str]) -> npt.NDArray[np.bool_] | None:
    """Return which questions have a known topic. Return None if titles do not group documents into topics."""
    dataset = read_dataset(folder)
    titles = {document.id: document.title for document in dataset.documents}
    topics = list(dict.fromkeys(titles.values()))
    if len(topics) * 3 > len(titles) or len(topics) < 4:
        return None
    known = set(topics[: int(len(topics) * _KNOWN_TOPICS)])
    return np.array([titles[next(iter(dataset.relevant[question]))] in known for question in questions])
