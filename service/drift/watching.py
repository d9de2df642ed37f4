"""Counting of each question in the bins of the reference, and an optional sample of questions."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import structlog
from prometheus_client import Counter

from rag.errors import InvalidInput
from rag.tasks import supervise
from rag.types import EmbedderIdentity, ScoredChunk, Vector
from service.drift.base import OF_THE_VECTOR, Feature, Observation
from service.drift.bins import Bins
from service.drift.reference import Reference, read_reference, word_key
from service.drift.window import Recorder, remove_old
from service.metrics import (
    DRIFT_OBSERVATIONS,
    DRIFT_REFERENCE_QUESTIONS,
    DRIFT_REFERENCE_RATIO,
    DRIFT_REFERENCE_REFUSED,
    DRIFT_REFERENCE_TIMESTAMP,
)
from service.sentences import content_stems, coverage

log = structlog.get_logger()

_POLL_SECONDS = 5.0
# Saves the sample once a minute: a killed process loses at most that.
_SAVE_EVERY_POLLS = 12
_MARGIN_HITS = 2


class ObservationSink(Protocol):
    """The port that stores observations."""

    def add(self, observation: Observation) -> None: ...


class DriftWatch:
    """Observes answers. Without a reference and a recorder it does nothing."""

    def __init__(self, recorder: ObservationSink | None = None) -> None:
        self._recorder = recorder
        self._reference: Reference | None = None
        self._counters: Mapping[Feature, tuple[Bins, Sequence[Counter]]] = {}

    def compare_with(self, reference: Reference | None) -> None:
        """Replace the reference. Counts of the previous reference remain under its own label."""
        DRIFT_REFERENCE_RATIO.clear()
        DRIFT_REFERENCE_QUESTIONS.clear()
        DRIFT_REFERENCE_TIMESTAMP.clear()
        self._reference, self._counters = reference, {}
        if reference is not None:
            self._counters = _bind(reference)
            log.info("drift_reference", reference=reference.id, questions=len(reference.vectors))

    def observe(
        self, question: str, vector: Vector, hits: Sequence[ScoredChunk], answer: str | None, *, by_model: bool
    ) -> None:
        """Observe one question. A failure is logged and does not reach the answer."""
        try:
            self._observe(question, vector, hits, answer, by_model=by_model)
        except Exception as error:
            log.error("question_not_observed", exc_info=error)

    def _observe(
        self, question: str, vector: Vector, hits: Sequence[ScoredChunk], answer: str | None, *, by_model: bool
    ) -> None:
        """Observe one question; `answer` is None if it was declined. It takes about 0.1 ms."""
        if self._reference is None and self._recorder is None:
            return
        values = _of_answer(hits, answer)
        if self._reference is not None and self._reference.vocabulary:
            values["unknown_words"] = unknown_share(question, self._reference.vocabulary)
        if answer is not None and by_model:
            values["grounded"] = coverage(answer, "\n".join(hit.chunk.passage for hit in hits))
        self._count(vector, values)
        if self._recorder is not None:
            self._recorder.add(Observation(vector=vector, values=values))

    def _count(self, vector: Vector, values: Mapping[Feature, float]) -> None:
        if self._reference is None:
            return
        of_vector = zip(OF_THE_VECTOR, self._reference.of_vector(vector), strict=True)
        for feature, value in (*of_vector, *values.items()):
            if feature in self._counters:
                bins, counters = self._counters[feature]
                counters[bins.index(value)].inc()


def unknown_share(question: str, vocabulary: frozenset[int]) -> float:
    """Return the share of the question's content words that the vocabulary does not contain."""
    words = content_stems(question)
    return sum(word_key(word) not in vocabulary for word in words) / len(words) if words else 0.0


@asynccontextmanager
async def open_drift_watch(
    path: Path, windows: Path, embedder: EmbedderIdentity, *, window: int
) -> AsyncIterator[DriftWatch]:
    """Read the reference, reload it when its file changes, and sample `window` questions per day (0: none)."""
    recorder = Recorder(windows, embedder, size=window) if window else None
    watch = DriftWatch(recorder)
    file = _ReferenceFile(path, embedder)
    if file.has_changed():
        watch.compare_with(file.read())
    else:
        DRIFT_REFERENCE_REFUSED.set(0)
    # Also without a recorder: the files of an earlier configuration must still expire.
    await asyncio.to_thread(_save_and_clean, windows, recorder)
    try:
        async with supervise("drift_watch", _reload_and_save(file, watch, windows, recorder), essential=False):
            yield watch
    finally:
        _save_and_clean(windows, recorder)


class _ReferenceFile:
    """The file of the reference. An unusable reference is logged and ignored, so that answering goes on."""

    def __init__(self, path: Path, embedder: EmbedderIdentity) -> None:
        self._path = path
        self._embedder = embedder
        self._stamp: tuple[int, int] | None = None

    def has_changed(self) -> bool:
        before, self._stamp = self._stamp, _stamp(self._path)
        return self._stamp != before

    def read(self) -> Reference | None:
        reference = self._read() if self._stamp else None
        DRIFT_REFERENCE_REFUSED.set(self._stamp is not None and reference is None)
        return reference

    def _read(self) -> Reference | None:
        try:
            reference = read_reference(self._path)
        except InvalidInput as error:
            log.warning("drift_reference_refused", reason=str(error))
            return None
        if reference.embedder != self._embedder:
            log.warning("drift_reference_refused", reason=f"built for {reference.embedder.model}; build it again")
            return None
        return reference


async def _reload_and_save(file: _ReferenceFile, watch: DriftWatch, windows: Path, recorder: Recorder | None) -> None:
    polls = 0
    while True:
        await asyncio.sleep(_POLL_SECONDS)
        if file.has_changed():
            watch.compare_with(await asyncio.to_thread(file.read))
        polls += 1
        if polls % _SAVE_EVERY_POLLS == 0:
            await asyncio.to_thread(_save_and_clean, windows, recorder)


def _save_and_clean(windows: Path, recorder: Recorder | None) -> None:
    try:
        remove_old(windows)
        if recorder is not None:
            recorder.save()
    except OSError as error:
        log.warning("drift_windows_not_tended", reason=str(error))


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns


def _bind(reference: Reference) -> dict[Feature, tuple[Bins, Sequence[Counter]]]:
    """Create the counter of every bin at 0. A missing series would be a gap in PromQL, not an empty bin."""
    DRIFT_REFERENCE_TIMESTAMP.labels(reference.id).set(reference.made_at)
    bound: dict[Feature, tuple[Bins, Sequence[Counter]]] = {}
    for feature, bins in reference.bins.items():
        DRIFT_REFERENCE_QUESTIONS.labels(feature, reference.id).set(bins.count)
        for number, ratio in enumerate(bins.ratios):
            DRIFT_REFERENCE_RATIO.labels(feature, str(number), reference.id).set(ratio)
        counters = [DRIFT_OBSERVATIONS.labels(feature, str(number), reference.id) for number in range(len(bins.ratios))]
        bound[feature] = (bins, counters)
    return bound


def _of_answer(hits: Sequence[ScoredChunk], answer: str | None) -> dict[Feature, float]:
    values: dict[Feature, float] = {"declined": float(answer is None)}
    nearest = sorted((hit.similarity for hit in hits), reverse=True)[:_MARGIN_HITS]
    if nearest:
        values["similarity"] = nearest[0]
    if len(nearest) == _MARGIN_HITS:
        values["margin"] = nearest[0] - nearest[1]
    if answer is not None:
        values["answer_words"] = float(len(answer.split()))
    return values
