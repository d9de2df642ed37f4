"""The latency of finding passages for one question: embedding and hybrid search.

Passages are random sequences of a folder's words with random vectors. This does not change the search times, and no
passage has to be embedded.
"""

import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import numpy as np
import numpy.typing as npt

from evals.collection import SCOPE, open_configured_embedder
from rag.errors import InvalidInput
from rag.settings import EdgeStoreSettings
from rag.store.factory import build_backend
from rag.types import Chunk, DocumentId, EmbedderIdentity, Point
from service.metrics import ANSWER_STAGES
from service.retrieval.retriever import Retriever
from service.settings import Settings

HEADER = "| questions | passages | embed p50 | search p50 | together p50 | p95 | p99 |\n|---|---|---|---|---|---|---|"
_SEED = 20
_WORDS_PER_PASSAGE = 130
_WORDS_PER_QUESTION = 9
_WARMUP_QUESTIONS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Percentiles of the times in seconds."""

    questions: int
    passages: int
    embed_p50: float
    search_p50: float
    p50: float
    p95: float
    p99: float

    def to_row(self) -> str:
        times = (self.embed_p50, self.search_p50, self.p50, self.p95, self.p99)
        return f"| {self.questions} | {self.passages} | {' | '.join(f'{time * 1000:.1f} ms' for time in times)} |"


async def measure_latency(folder: Path, settings: Settings, *, passages: int, questions: int) -> list[Latency]:
    """Search for one question at a time in the embedded store. Raise `InvalidInput` if the folder has too few words."""
    words = _words_of(folder)
    random_source = random.Random(_SEED)
    texts = [
        " ".join(random_source.sample(words, _WORDS_PER_QUESTION)) + "?" for _ in range(_WARMUP_QUESTIONS + questions)
    ]
    with tempfile.TemporaryDirectory() as scratch:
        async with open_configured_embedder(settings) as embedder:
            await _fill(Path(scratch), embedder.identity, words, passages)
            async with build_backend(EdgeStoreSettings(), root=Path(scratch)).open_reader(embedder.identity) as store:
                retriever = Retriever(store, settings.retrieval)
                durations = []
                for question in texts:
                    started = time.perf_counter()
                    vector = await embedder.embed_query(question)
                    embedded = time.perf_counter()
                    await retriever.retrieve(
                        SCOPE, question, vector, limit=settings.retrieval.limit, timer=ANSWER_STAGES.start()
                    )
                    durations.append((embedded - started, time.perf_counter() - embedded))
    return [_to_latency(np.array(durations[_WARMUP_QUESTIONS:]), passages)]


def _words_of(folder: Path) -> list[str]:
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.rglob("*.md"))]
    words = " ".join(texts).split()
    if len(words) < _WORDS_PER_PASSAGE:
        raise InvalidInput(f"{folder} needs Markdown files with at least {_WORDS_PER_PASSAGE} words.")
    return words


async def _fill(root: Path, embedder: EmbedderIdentity, words: Sequence[str], passages: int) -> None:
    words_source, vectors = random.Random(_SEED), np.random.default_rng(_SEED)
    points = []
    for number in range(passages):
        vector = vectors.standard_normal(embedder.dimension, dtype=np.float32)
        text = " ".join(words_source.choices(words, k=_WORDS_PER_PASSAGE))
        points.append(Point(chunk=_to_chunk(number, text), vector=vector / np.linalg.norm(vector)))
    async with build_backend(EdgeStoreSettings(), root=root).open_writer(embedder) as store:
        await store.stage(SCOPE, points)
        for point in points:
            await store.commit(SCOPE, point.chunk.document_id, point.chunk.version)
        await store.publish()


def _to_chunk(number: int, text: str) -> Chunk:
    return Chunk(
        id=str(uuid5(NAMESPACE_URL, str(number))),
        document_id=DocumentId(f"d{number}"),
        uri=f"made:{number}",
        media_type="text/plain",
        title=f"Passage {number}",
        heading_path=(),
        text=text,
        language="en",
        ordinal=0,
        version="v1",
        ingested_at=0.0,
        chunk_count=1,
    )


def _to_latency(durations: npt.NDArray[np.float64], passages: int) -> Latency:
    together = durations.sum(axis=1)
    p50, p95, p99 = (float(value) for value in np.percentile(together, [50, 95, 99]))
    embed, search = (float(value) for value in np.median(durations, axis=0))
    return Latency(
        questions=len(durations), passages=passages, embed_p50=embed, search_p50=search, p50=p50, p95=p95, p99=p99
    )
