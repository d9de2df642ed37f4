"""Runs questions with gold answers through the product's own path, from ingestion to the last token."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from rich.console import Console
from rich.progress import track

from evals.answers.gold import GoldQuestion, QuestionSet, draw_sample
from evals.answers.ranking import earlier_turns, rank_all
from evals.answers.results import AnswerRun, Conditions
from evals.answers.scoring import Scores, score
from evals.collection import SCOPE, open_resources_over
from evals.transcripts import Transcript
from ingest.pipeline.preparation import version_of
from ingest.settings import Settings as IngestSettings
from rag.settings import read_settings
from rag.types import DocumentId, RawDocument
from service.answering.drafts import Answer
from service.answering.events import Inquiry, Sources
from service.metrics import ANSWER_STAGES
from service.prompting.base import PromptTemplate
from service.resources import Resources
from service.retrieval.retriever import nearness
from service.settings import Mode, Settings


async def measure_answers(
    questions: QuestionSet, modes: Sequence[Mode], settings: Settings, *, sample: int | None = None
) -> list[AnswerRun]:
    """Ingest the documents into a temporary collection and answer the questions in each mode.

    `sample` limits the number of questions; the same ones are drawn each time.
    """
    selected = draw_sample(questions.questions, sample)
    conditions = conditions_of(questions, settings)
    async with open_resources_over(questions.documents, settings) as resources:
        ranking_scores = await rank_all(selected, resources)
        runs = [await run_over(selected, mode, resources, name=mode, conditions=conditions) for mode in modes]
    return [replace(run, scores=_merge_scores(run.scores, ranking_scores)) for run in runs]


async def run_over(
    questions: Sequence[GoldQuestion],
    mode: Mode,
    resources: Resources,
    *,
    name: str,
    conditions: Conditions,
    prompt: PromptTemplate | None = None,
) -> AnswerRun:
    """Answer the questions one at a time, so that the times are those of an unloaded service."""
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
                id=question.id, question=question.text, passages=passages, answer=answer.text, declined=answer.declined
            )
        )
    used = {"prompt": ", ".join(sorted(prompts))} if prompts else {}
    kinds = {question.id: question.kind for question in questions}
    return AnswerRun(name=name, conditions={**conditions, **used}, scores=scores, kinds=kinds, transcripts=transcripts)


async def ask_all(
    questions: Sequence[GoldQuestion], mode: Mode, resources: Resources, *, label: str
) -> dict[str, Scores]:
    """Answer the questions and return their scores by question id."""
    run = await run_over(questions, mode, resources, name=label, conditions={})
    return {question: dict(scores) for question, scores in run.scores.items()}


def conditions_of(questions: QuestionSet, settings: Settings) -> Conditions:
    """Return the conditions that must be equal for two runs to be comparable."""
    some = RawDocument(id=DocumentId(""), uri="", media_type="text/markdown", body=b"")
    documents, asked = hashlib.sha256(), hashlib.sha256()
    for document in questions.documents:
        documents.update(f"{document.id}\n{document.markdown}\n".encode())
    for question in questions.questions:
        asked.update(f"{question.id}\n{question.text}\n".encode())
    ingest = read_settings(IngestSettings)
    return {
        "embedder": settings.embedder.model,
        "store": settings.store.kind,
        # The version of parsers and chunker. It changes whenever they turn the same bytes into other chunks.
        "recipe": version_of(some, ingest.chunking.recipe(ingest.language)).partition("-")[0],
        "documents": documents.hexdigest()[:12],
        "questions": asked.hexdigest()[:12],
    }


def _merge_scores(
    answer_scores: Mapping[str, Mapping[str, float]], ranking_scores: Mapping[str, Scores]
) -> dict[str, Scores]:
    return {question: {**scores, **ranking_scores.get(question, {})} for question, scores in answer_scores.items()}


async def _ask(
    question: GoldQuestion, mode: Mode, resources: Resources, prompt: PromptTemplate | None
) -> tuple[Answer, list[str]]:
    """Return the answer and the passages that the writer received."""
    limit = resources.settings.retrieval.limit
    inquiry = Inquiry(
        scope=SCOPE, question=question.text, turns=earlier_turns(question), limit=limit, mode=mode, prompt=prompt
    )
    *events, answer = [event async for event in resources.answerer.answer(inquiry)]
    [sources] = [event for event in events if isinstance(event, Sources)]
    assert isinstance(answer, Answer)
    return answer, [citation.hit.chunk.text for citation in sources.citations]


async def _nearness(question: GoldQuestion, resources: Resources) -> float:
    """Return the nearness by which the service decides whether to decline. A declined answer does not contain it."""
    inquiry = Inquiry(
        scope=SCOPE, question=question.text, turns=earlier_turns(question), limit=resources.settings.retrieval.limit
    )
    material = await resources.answerer.search(inquiry, ANSWER_STAGES.start())
    return nearness(question.text, material.hits)
