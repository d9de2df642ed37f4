"""A reference from questions of a time when all was well: asked once more, or kept by the service."""

from pathlib import Path

from rich.progress import track

from evals.drift.samples import is_kept, read_questions, read_samples
from rag.embedding.factory import open_embedder
from rag.errors import GroundworkError
from rag.http import open_session
from rag.store.base import StoreReader
from rag.types import Scope
from service.answering.answerer import Inquiry
from service.drift.base import Observation
from service.drift.reference import Reference, build_reference, word_key
from service.drift.watching import DriftWatch, unknown_share
from service.resources import open_resources
from service.sentences import content_stems
from service.settings import Settings


class ObservationList:
    """Every observation, in order."""

    def __init__(self) -> None:
        self.observations: list[Observation] = []

    def add(self, observation: Observation) -> None:
        self.observations.append(observation)


async def refer_to(source: str, settings: Settings, *, tenant: str) -> Reference:
    """Of questions, each asked once; or of a window that the service has kept. Raises `InvalidInput`."""
    if is_kept(source):
        [sample] = await read_samples([source], settings)
        # Without a vocabulary: windows do not hold which words the collection of their day did not have.
        return build_reference(sample.observations, sample.embedder)
    return await refer_to_questions(read_questions(Path(source)), settings, tenant=tenant)


async def refer_to_questions(questions: list[str], settings: Settings, *, tenant: str) -> Reference:
    """Asks each as a user would, in the service's own mode; a question that fails counts for nothing."""
    kept = ObservationList()
    async with (
        open_session(settings.http) as session,
        open_embedder(settings.embedder, session, models=settings.models_dir) as embedder,
    ):
        identity = embedder.identity
    async with open_resources(settings, drift=DriftWatch(kept)) as resources:
        vocabulary = await read_vocabulary(resources.store)
        asked = []
        for question in track(questions, "asking"):
            inquiry = Inquiry(scope=Scope(tenant=tenant), question=question, limit=settings.retrieval.limit)
            try:
                async for _ in resources.answerer.answer(inquiry):
                    pass
            except GroundworkError as error:
                print(f"not counted: {error}")
            else:
                asked.append(question)
    unknown = [unknown_share(question, vocabulary) for question in asked]
    observations = [
        Observation(vector=it.vector, values={**it.values, "unknown_words": share} if vocabulary else it.values)
        for it, share in zip(kept.observations, unknown, strict=True)
    ]
    return build_reference(observations, identity, vocabulary)


async def read_vocabulary(store: StoreReader) -> frozenset[int]:
    """The words of all documents of all tenants, hashed."""
    tenants = (await store.survey(since=0)).tenants
    words: set[str] = set()
    for tenant in tenants:
        async for chunk in store.scroll(Scope(tenant=tenant)):
            words |= content_stems(chunk.passage)
    return frozenset(word_key(word) for word in words)
