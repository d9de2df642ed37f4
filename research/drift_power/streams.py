"""Streams of real questions that change at a known moment: public sets, mixed."""

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
"""Questions of a day. A day with more is sampled down to as many."""
_KNOWN_TOPICS = 0.75
_SEED = 28

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """Questions of one set, and from some moment a share of another's among them."""

    base: str
    added: str
    length: int = LENGTH

    def __str__(self) -> str:
        return f"{self.base}+{self.added}"


CHOSEN_ON = (Mix(base="scifact", added="clapnq-dev"), Mix(base="clapnq-dev", added="scifact", length=300))
"""What the test was built on: its statistics, their sum and its tails."""
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
    """Rows of `vectors`: of each stream its reference, and its questions in their order."""

    vectors: Vectors
    references: Rows
    """Shape (streams, reference)."""
    questions: Rows
    """Shape (streams, questions)."""


@dataclass(frozen=True, slots=True)
class Pools:
    """All vectors, and which rows belong to which set."""

    vectors: Vectors
    rows: Mapping[str, Rows]

    def draw(self, mix: Mix, *, share: float, count: int) -> Streams:
        """Nothing is drawn twice within a stream; its reference is what the stream leaves of the base."""
        random = np.random.default_rng([_SEED, int(share * 1000), *str(mix).encode()])
        base, added = self.rows[mix.base], self.rows[mix.added]
        references, questions = [], []
        for _ in range(count):
            shuffled = random.permutation(base)
            stream = shuffled[: mix.length].copy()
            strange = np.flatnonzero(random.random(mix.length) < share)[: len(added)]
            stream[strange] = random.permutation(added)[: len(strange)]
            references.append(shuffled[mix.length :])
            questions.append(stream)
        return Streams(vectors=self.vectors, references=np.array(references), questions=np.array(questions))

    def draw_bursts(self, name: str, groups: Sequence[int], *, length: int, count: int) -> Streams:
        """Questions come in bursts, group after group, and no group of the stream is in the reference."""
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
    """Each question alone, as the service embeds it."""
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
    """Of each question the number of its document: whoever reads one page asks several questions about it."""
    dataset = read_dataset(folder)
    documents = {document: number for number, document in enumerate(sorted({*_documents(folder)}))}
    return [documents[next(iter(dataset.relevant[question]))] for question in read_texts(folder)]


def _documents(folder: Path) -> list[str]:
    return [document.id for document in read_dataset(folder).documents]


def _is_known(folder: Path, questions: Sequence[str]) -> npt.NDArray[np.bool_] | None:
    """Whether its topic is one of the first three quarters, where documents of one topic share their title."""
    dataset = read_dataset(folder)
    titles = {document.id: document.title for document in dataset.documents}
    topics = list(dict.fromkeys(titles.values()))
    if len(topics) * 3 > len(titles) or len(topics) < 4:
        return None
    known = set(topics[: int(len(topics) * _KNOWN_TOPICS)])
    return np.array([titles[next(iter(dataset.relevant[question]))] in known for question in questions])
