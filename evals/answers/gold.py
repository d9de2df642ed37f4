"""Questions with gold answers: the project's own golden set, and public data sets."""

import hashlib
import random
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from evals.answers.matching import contains_words, normalise
from evals.datasets import CorpusDocument, read_answers, read_corpus, read_dataset, read_lines
from rag.errors import InvalidInput

GOLDEN = "golden"
"""The name of the questions about this project's documentation, one kind of passage each."""
MANUALS = "manuals"
"""The name of the questions that people ask about two manuals, each with the words that answer it."""
FOLLOW_UPS = "follow-ups"
"""The name of the second questions of conversations about the two manuals."""
MULTI_HOP = "multi-hop"
"""The name of the questions whose answer needs two passages. Nothing may be chosen on them."""
OWN_SETS = (GOLDEN, MANUALS, FOLLOW_UPS, MULTI_HOP)

Half = Literal["choose", "report"]
"""The half of a set on which parameters may be chosen, and the one on which the result is reported."""

_FOLDER = Path(__file__).parent / "golden"
OWN_DOCUMENTS = _FOLDER / "documents"
"""The folder of the documents that the own sets are about."""
_SEED = 20
_FILES = {
    GOLDEN: "questions.jsonl",
    MANUALS: "manuals.jsonl",
    FOLLOW_UPS: "followups.jsonl",
    MULTI_HOP: "multihop.jsonl",
}
_KINDS_WITHOUT_ANSWER = frozenset({"unanswerable", "off-topic"})


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldPassage:
    """Words of a document that answer a question. Spans are compared without punctuation and articles."""

    document: str
    quote: str
    is_span: bool = False
    parts: Sequence[str] = ()
    """The parts of the passage that an answer must contain, all of them. Empty: the quote."""

    @property
    def words(self) -> Sequence[str]:
        return self.parts or (self.quote,)

    def is_in(self, document: str, passage: str) -> bool:
        """Return whether the passage belongs to the document and contains the words."""
        if document != self.document:
            return False
        if self.is_span:
            return f" {normalise(self.quote)} " in f" {normalise(passage)} "
        return contains_words(passage, self.quote)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldQuestion:
    """A question with its gold answers and evidence."""

    id: str
    text: str
    kind: str
    evidence: Sequence[Sequence[GoldPassage]] = ()
    """Groups of alternatives: a complete answer cites one passage of each group."""
    spans: Sequence[str] = ()
    """Gold spans. Each of them is a correct answer."""
    references: Sequence[str] = ()
    """Complete answers as a person would write them."""
    earlier: str = ""
    """The question before this one in the conversation. Empty: it is the first question."""
    stand_alone: str = ""
    """A follow-up as a person would ask it without the conversation."""
    annotations: Sequence[Sequence[str]] = ()
    """Sentences that answer, as each annotator selected them. Empty: the quotes of the evidence."""

    @property
    def is_answerable(self) -> bool:
        return self.kind not in _KINDS_WITHOUT_ANSWER

    @property
    def half(self) -> Half:
        return "choose" if hashlib.sha256(self.id.encode()).digest()[0] % 2 == 0 else "report"

    @property
    def gold_sentences(self) -> Sequence[Sequence[str]]:
        return self.annotations or [[group[0].quote for group in self.evidence]]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionSet:
    """Documents with questions about them."""

    name: str
    documents: Sequence[CorpusDocument]
    questions: Sequence[GoldQuestion]


def read_question_set(target: str, *, half: Half | None = None) -> QuestionSet:
    """Read one of the own sets, a JSON Lines file beside its documents, or a folder of SQuAD or CLAPNQ.

    Raise `InvalidInput` for other folders. `half` restricts the questions.
    """
    found = _read(target)
    if half is None:
        return found
    return replace(found, questions=[question for question in found.questions if question.half == half])


def _read(target: str) -> QuestionSet:
    folder = Path(target)
    if target in OWN_SETS:
        return _read_own(target, _FOLDER / _FILES[target])
    if (folder / "documents").is_dir() and (folder / "questions.jsonl").is_file():
        return _read_own(folder.resolve().name, folder / "questions.jsonl")
    if (folder / "answers.json").is_file():
        questions = list(_read_squad(folder))
    elif files := sorted(folder.glob("*answerable.jsonl")):
        questions = [question for file in files for question in _read_clapnq(folder, file)]
    else:
        raise InvalidInput(
            f"{target} has no gold answers. A folder needs documents/ and questions.jsonl, or corpus.jsonl and "
            "queries.jsonl with answers.json or CLAPNQ's *answerable.jsonl. "
            f"The project's own sets are named {' and '.join(OWN_SETS)}."
        )
    return QuestionSet(name=folder.resolve().name, documents=read_corpus(folder), questions=questions)


def draw_sample(questions: Sequence[GoldQuestion], sample: int | None) -> Sequence[GoldQuestion]:
    """Return all questions, or a sample that is the same each time."""
    return random.Random(_SEED).sample(questions, min(sample, len(questions))) if sample else questions


def has_questions(folder: Path) -> bool:
    return (
        (folder / "questions.jsonl").is_file()
        or (folder / "answers.json").is_file()
        or any(folder.glob("*answerable.jsonl"))
    )


def _read_own(name: str, file: Path) -> QuestionSet:
    root = file.parent / "documents"
    documents = [
        CorpusDocument(id=path.relative_to(root).as_posix(), title="", text=path.read_text(encoding="utf-8"))
        for path in sorted(root.rglob("*.md"))
    ]
    return QuestionSet(name=name, documents=documents, questions=[_to_question(row) for row in read_lines(file)])


def _to_question(row: Mapping[str, Any]) -> GoldQuestion:
    return GoldQuestion(
        id=row["id"],
        text=row["question"],
        kind=row["kind"],
        evidence=[
            [_to_gold_passage(place) for place in (passage, *passage.get("also", ()))] for passage in row["passages"]
        ],
        references=[row["answer"]] if row.get("answer") else [],
        earlier=row.get("first", ""),
        stand_alone=row.get("stand_alone", ""),
    )


def _to_gold_passage(row: Mapping[str, Any]) -> GoldPassage:
    return GoldPassage(document=row["document"], quote=row["quote"], parts=tuple(row.get("spans", ())))


def _read_squad(folder: Path) -> Iterator[GoldQuestion]:
    relevant = read_dataset(folder).relevant
    for question in read_answers(folder):
        documents = relevant.get(question.id, {})
        passages = [
            GoldPassage(document=document, quote=span, is_span=True) for document in documents for span in question.gold
        ]
        yield GoldQuestion(id=question.id, text=question.text, kind="span", evidence=[passages], spans=question.gold)


def _read_clapnq(folder: Path, file: Path) -> Iterator[GoldQuestion]:
    """Yield questions whose evidence is any one of the sentences that the annotators selected."""
    relevant = read_dataset(folder).relevant
    for row in read_lines(file):
        outputs = [output for output in row["output"] if output["answer"].strip(string.whitespace)]
        sentences = dict.fromkeys(sentence for output in outputs for sentence in output["selected_sentences"])
        passages = [
            GoldPassage(document=document, quote=sentence, is_span=True)
            for document in relevant.get(row["id"], {})
            for sentence in sentences
        ]
        yield GoldQuestion(
            id=row["id"],
            text=row["input"],
            kind="long" if outputs else "unanswerable",
            evidence=[passages] if passages else [],
            references=[output["answer"] for output in outputs],
            annotations=[output["selected_sentences"] for output in outputs],
        )
