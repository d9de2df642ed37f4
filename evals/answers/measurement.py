"""Answers to questions whose gold is known: the product's own path, from ingestion to the last token."""

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

from rich.console import Console
from rich.progress import track

from evals.answers.gold import GoldQuestion, QuestionSet
from evals.answers.ranking import rank_all
from evals.answers.results import AnswerRun, Conditions
from evals.answers.scoring import Scores, score
from evals.collection import SCOPE, open_resources_over
from evals.transcripts import Transcript
from ingest.pipeline.preparation import version_of
from ingest.settings import Settings as IngestSettings
from rag.settings import read_settings
from rag.types import DocumentId, RawDocument
from service.answering.answerer import Inquiry, Sources
from service.answering.drafts import Answer
from service.metrics import ANSWER_STAGES
from service.prompting.base import PromptTemplate
from service.resources import Resources
from service.retrieval.retriever import nearness
from service.settings import Mode, Settings

_SEED = 20


async def measure_answers(
    questions: QuestionSet, modes: Sequence[Mode], settings: Settings, *, sample: int | None = None
) -> list[AnswerRun]:
    """Ingests the documents into a collection of its own and asks every question, or always the same sample of them."""
    chosen = choose(questions.questions, sample)
    conditions = conditions_of(questions, settings)
    async with open_resources_over(questions.documents, settings) as resources:
        found = await rank_all(chosen, resources)
        runs = [await run_over(chosen, mode, resources, name=mode, conditions=conditions) for mode in modes]
    return [replace(run, scores=_joined(run.scores, found)) for run in runs]


async def run_over(
    questions: Sequence[GoldQuestion],
    mode: Mode,
    resources: Resources,
    *,
    name: str,
    conditions: Conditions,
    prompt: PromptTemplate | None = None,
) -> AnswerRun:
    """Every question, one after the other, so that times are those of a quiet service."""
    scores: dict[str, Scores] = {}
    transcripts: list[Transcript] = []
    prompts: set[str] = set()
    for question in track(questions, name, console=Console(stderr=True)):
        answer, passages = await _ask(question, mode, resources, prompt)
        scores[question.id] = score(question, answer) | {"nearness": await _nearness(question, resources)}
        if answer.prompt:
            prompts.add(f"{answer.prompt} {answer.prompt.hash}")
        transcripts.append(
            Transcript(
                id=question.id, question=question.text, passages=passages, answer=answer.text, refused=answer.refused
            )
        )
    told = {"prompt": ", ".join(sorted(prompts))} if prompts else {}
    return AnswerRun(name=name, conditions={**conditions, **told}, scores=scores, transcripts=transcripts)


async def ask_all(
    questions: Sequence[GoldQuestion], mode: Mode, resources: Resources, *, label: str
) -> dict[str, Scores]:
    """Question id to scores."""
    run = await run_over(questions, mode, resources, name=label, conditions={})
    return {question: dict(scores) for question, scores in run.scores.items()}


def conditions_of(questions: QuestionSet, settings: Settings) -> Conditions:
    """What must be the same for two runs to differ by the change alone."""
    some = RawDocument(id=DocumentId(""), uri="", media_type="text/markdown", body=b"")
    documents, asked = hashlib.sha256(), hashlib.sha256()
    for document in questions.documents:
        documents.update(f"{document.id}\n{document.markdown}\n".encode())
    for question in questions.questions:
        asked.update(f"{question.id}\n{question.text}\n".encode())
    return {
        "embedder": settings.embedder.model,
        "store": settings.store.kind,
        # Parsers and chunker together: it is raised whenever they make something else of the same bytes.
        "recipe": version_of(some, read_settings(IngestSettings).chunking.recipe).partition("-")[0],
        "documents": documents.hexdigest()[:12],
        "questions": asked.hexdigest()[:12],
    }


def _joined(answered: Mapping[str, Mapping[str, float]], found: Mapping[str, Scores]) -> dict[str, Scores]:
    return {question: {**scores, **found.get(question, {})} for question, scores in answered.items()}


def choose(questions: Sequence[GoldQuestion], sample: int | None) -> Sequence[GoldQuestion]:
    """All, or always the same of them."""
    return random.Random(_SEED).sample(questions, min(sample, len(questions))) if sample else questions


async def _ask(
    question: GoldQuestion, mode: Mode, resources: Resources, prompt: PromptTemplate | None
) -> tuple[Answer, list[str]]:
    """The answer, and the passages that it could be written from."""
    limit = resources.settings.retrieval.limit
    inquiry = Inquiry(scope=SCOPE, question=question.text, limit=limit, mode=mode, prompt=prompt)
    sources, *_, answer = [event async for event in resources.answerer.answer(inquiry)]
    assert isinstance(sources, Sources)
    assert isinstance(answer, Answer)
    return answer, [citation.hit.chunk.text for citation in sources.citations]


async def _nearness(question: GoldQuestion, resources: Resources) -> float:
    """By which the service decides whether to refuse; a refusal does not tell it."""
    inquiry = Inquiry(scope=SCOPE, question=question.text, limit=resources.settings.retrieval.limit)
    material = await resources.answerer.search(inquiry, ANSWER_STAGES.start())
    return nearness(question.text, material.hits)
