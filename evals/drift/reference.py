"""Builds a drift reference from questions of a normal period: answered once, or stored by the service."""

from pathlib import Path

from rich.progress import track

from evals.collection import open_configured_embedder
from evals.drift.samples import is_stored, read_questions, read_samples
from rag.errors import GroundworkError
from rag.store.base import StoreReader
from rag.types import Scope
from service.answering.events import Inquiry
from service.drift.base import Observation
from service.drift.reference import Reference, build_reference, word_key
from service.drift.watching import DriftWatch, unknown_share
from service.resources import open_resources
from service.sentences import content_stems
from service.settings import Settings


class ObservationList:
    """A sink that stores every observation in order."""

    def __init__(self) -> None:
        self.observations: list[Observation] = []

    def add(self, observation: Observation) -> None:
        self.observations.append(observation)


async def build_reference_from(source: str, settings: Settings, *, tenant: str) -> Reference:
    """Build a reference from a file of questions, or from windows that the service stored. Raise `InvalidInput`."""
    if is_stored(source):
        [sample] = await read_samples([source], settings)
        # Windows do not contain the vocabulary of the collection at their time, so the reference has none.
        return build_reference(sample.observations, sample.embedder)
    return await _answer_questions(read_questions(Path(source)), settings, tenant=tenant)


async def _answer_questions(questions: list[str], settings: Settings, *, tenant: str) -> Reference:
    """Answer each question in the service's configured mode and build a reference. Failed questions are left out."""
    sink = ObservationList()
    async with open_configured_embedder(settings) as embedder:
        identity = embedder.identity
    async with open_resources(settings, drift=DriftWatch(sink)) as resources:
        vocabulary = await read_vocabulary(resources.store)
        answered = []
        for question in track(questions, "answering"):
            inquiry = Inquiry(scope=Scope(tenant=tenant), question=question, limit=settings.retrieval.limit)
            try:
                async for _ in resources.answerer.answer(inquiry):
                    pass
            except GroundworkError as error:
                print(f"Left out: {error}")
            else:
                answered.append(question)
    unknown = [unknown_share(question, vocabulary) for question in answered]
    observations = [
        Observation(
            vector=observation.vector,
            values={**observation.values, "unknown_words": share} if vocabulary else observation.values,
        )
        for observation, share in zip(sink.observations, unknown, strict=True)
    ]
    return build_reference(observations, identity, vocabulary)


async def read_vocabulary(store: StoreReader) -> frozenset[int]:
    """Return the hashed words of all documents of all tenants."""
    tenants = (await store.survey(since=0)).tenants
    words: set[str] = set()
    for tenant in tenants:
        async for chunk in store.scroll(Scope(tenant=tenant)):
            words |= content_stems(chunk.passage)
    return frozenset(word_key(word) for word in words)
