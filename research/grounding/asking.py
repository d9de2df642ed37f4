"""Answers of a model about CLAPNQ, written to a file as they come.

Each question comes with two passages: the set's own passage, which answers or does not, and the other passage
that shares most words with it. So the truth of a citation is known without a search that could fail.
"""

import hashlib
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from evals.answers.gold import GoldQuestion, Half, read_question_set
from evals.datasets import read_dataset
from rag.embedding.base import Tokenizer
from rag.embedding.tokenizer import build_tokenizer
from rag.http import open_session
from rag.types import Chunk, DocumentId, ScoredChunk, Vector
from service.generation.factory import build_generator, open_endpoint
from service.metrics import ANSWER_STAGES
from service.prompting.folder import PACKAGED, FolderPrompts
from service.sentences import coverage
from service.settings import Settings
from service.writing.base import Writer, WritingInput
from service.writing.generate import GenerateWriter

_PASSAGES = 2
# The most similar passages, of which some are too long.
_SIMILAR = 50
_NO_VECTOR: Vector = np.zeros(0, dtype=np.float32)
# A model of 1.5 billion parameters reads about 40 tokens a second on one core.
_MAX_TOKENS = 400
# The version for smaller models.
_PROMPT = "v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyAnswer:
    """One answer with what it was written from."""

    id: str
    half: Half
    question: str
    is_answerable: bool
    passages: Sequence[str]
    gold: int
    """Number of the set's own passage, from 1."""
    references: Sequence[str]
    model: str
    text: str
    seconds: float


def read_answers(file: Path) -> list[StudyAnswer]:
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [StudyAnswer(**json.loads(line)) for line in lines]


async def write_answers(folder: Path, file: Path, settings: Settings, *, limit: int) -> None:
    """Append answers to the file until it has `limit`. What it has already is not asked again."""
    questions = read_question_set(str(folder))
    known = {answer.id for answer in read_answers(file)}
    asked = [question for question in choose_questions(questions.questions, limit) if question.id not in known]
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        session = await enter(open_session(settings.http, connections=1))
        endpoint = await enter(open_endpoint(settings.generator))
        generator = build_generator(endpoint, settings.answering, session)
        writer = GenerateWriter(generator, (await FolderPrompts(PACKAGED).load("answer"))[_PROMPT])
        corpus = _Corpus(folder, build_tokenizer(settings.embedder))
        for question in asked:
            answer = await _ask(question, corpus, writer)
            with file.open("a", encoding="utf-8") as lines:
                lines.write(f"{json.dumps(asdict(answer), ensure_ascii=False)}\n")


def choose_questions(questions: Sequence[GoldQuestion], limit: int) -> list[GoldQuestion]:
    """Return answerable and unanswerable questions in turn, so that a part of them is balanced too."""
    drawn = sorted(questions, key=lambda question: hashlib.sha256(f"grounding {question.id}".encode()).digest())
    kinds = [[question for question in drawn if question.is_answerable is kind] for kind in (True, False)]
    return list(chain.from_iterable(zip(*kinds, strict=False)))[:limit]


class _Corpus:
    """The passages of a data set with their vectors."""

    def __init__(self, folder: Path, tokenizer: Tokenizer) -> None:
        dataset = read_dataset(folder)
        self._own = {question: next(iter(documents)) for question, documents in dataset.relevant.items()}
        self._texts = {document.id: f"{document.title}\n{document.text.strip()}" for document in dataset.documents}
        self._tokens = {document: len(tokenizer.spans(text)) for document, text in self._texts.items()}

    def passages_for(self, question: GoldQuestion) -> tuple[list[str], int]:
        """Return the passages in an order that the question's id decides, and the number of the own one."""
        own = self._own[question.id]
        chosen, tokens = [own], self._tokens[own]
        for document in self._similar(question.text):
            if len(chosen) < _PASSAGES and document != own and tokens + self._tokens[document] <= _MAX_TOKENS:
                chosen.append(document)
                tokens += self._tokens[document]
        chosen.sort(key=lambda document: hashlib.sha256(f"{question.id} {document}".encode()).digest())
        return [self._texts[document] for document in chosen], chosen.index(own) + 1

    def _similar(self, question: str) -> list[str]:
        return sorted(self._texts, key=lambda document: -coverage(question, self._texts[document]))[:_SIMILAR]


async def _ask(question: GoldQuestion, corpus: _Corpus, writer: Writer) -> StudyAnswer:
    passages, gold = corpus.passages_for(question)
    timer = ANSWER_STAGES.start()
    hits = [_to_hit(text) for text in passages]
    written = writer.write(WritingInput(question=question.text, vector=_NO_VECTOR, hits=hits), timer)
    text = "".join([piece async for piece in written if isinstance(piece, str)])
    return StudyAnswer(
        id=question.id,
        half=question.half,
        question=question.text,
        is_answerable=question.is_answerable,
        passages=passages,
        gold=gold,
        references=question.references,
        model=writer.model,
        text=text.strip(),
        seconds=round(timer.elapsed, 1),
    )


def _to_hit(text: str) -> ScoredChunk:
    """Return a passage as a search would find it. The writer reads its text only."""
    chunk = Chunk(
        id=hashlib.sha256(text.encode()).hexdigest(),
        document_id=DocumentId("clapnq"),
        uri="",
        media_type="text/plain",
        title="",
        heading_path=(),
        text=text,
        ordinal=0,
        version="",
        ingested_at=0.0,
        chunk_count=1,
    )
    return ScoredChunk(chunk=chunk, score=1.0, similarity=1.0)
