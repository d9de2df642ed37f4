"""Answers to questions whose gold is known: the product's own path, from ingestion to the last token."""

import hashlib
import random
from collections.abc import Sequence

from rich.console import Console
from rich.progress import track

from evals.collection import SCOPE, open_resources_over
from evals.gold import GoldQuestion, QuestionSet
from evals.results import Conditions, Run
from evals.scoring import Scores, score
from ingest.pipeline import version_of
from ingest.settings import Settings as IngestSettings
from rag.settings import read_settings
from rag.types import DocumentId, RawDocument
from service.answering import Answer, Inquiry
from service.resources import Resources
from service.retrieval import nearness
from service.settings import Mode, Settings
from service.stopwatch import Stopwatch

_SEED = 20


async def measure_answers(
    questions: QuestionSet, modes: Sequence[Mode], settings: Settings, *, sample: int | None = None
) -> list[Run]:
    """Ingests the documents into a collection of its own and asks every question, or always the same sample of them."""
    chosen = _choose(questions.questions, sample)
    conditions = conditions_of(questions, settings)
    async with open_resources_over(questions.documents, settings) as resources:
        return [
            Run(name=mode, conditions=conditions, scores=await ask_all(chosen, mode, resources, label=mode))
            for mode in modes
        ]


async def ask_all(
    questions: Sequence[GoldQuestion], mode: Mode, resources: Resources, *, label: str
) -> dict[str, Scores]:
    """Question id to scores, one question after the other, so that times are those of a quiet service."""
    return {
        question.id: score(question, await _ask(question, mode, resources))
        | {"nearness": await _nearness(question, resources)}
        for question in track(questions, label, console=Console(stderr=True))
    }


def conditions_of(questions: QuestionSet, settings: Settings) -> Conditions:
    """What must be the same for two runs to differ by the change alone."""
    some = RawDocument(id=DocumentId(""), uri="", media_type="text/markdown", body=b"")
    documents = hashlib.sha256()
    for document in questions.documents:
        documents.update(f"{document.id}\n{document.markdown}\n".encode())
    return {
        "embedder": settings.embedder.model,
        "store": settings.store.kind,
        # Parsers and chunker together: it is raised whenever they make something else of the same bytes.
        "recipe": version_of(some, read_settings(IngestSettings).chunking.recipe).partition("-")[0],
        "documents": documents.hexdigest()[:12],
    }


def _choose(questions: Sequence[GoldQuestion], sample: int | None) -> Sequence[GoldQuestion]:
    return random.Random(_SEED).sample(questions, min(sample, len(questions))) if sample else questions


async def _ask(question: GoldQuestion, mode: Mode, resources: Resources) -> Answer:
    limit = resources.settings.retrieval.limit
    inquiry = Inquiry(scope=SCOPE, question=question.text, limit=limit, mode=mode)
    [answer] = [event async for event in resources.answerer.answer(inquiry) if isinstance(event, Answer)]
    return answer


async def _nearness(question: GoldQuestion, resources: Resources) -> float:
    """By which the service decides whether to refuse; a refusal does not tell it."""
    inquiry = Inquiry(scope=SCOPE, question=question.text, limit=resources.settings.retrieval.limit)
    material = await resources.answerer.search(inquiry, Stopwatch())
    return nearness(question.text, material.hits)
