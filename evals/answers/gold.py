"""Questions with gold answers: the project's own golden set, and public data sets."""

import json
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.answers.matching import flatten, normalise
from evals.datasets import CorpusDocument, read_answers, read_corpus, read_dataset
from rag.errors import InvalidInput

GOLDEN = "golden"
"""The name of the project's own question set."""

_GOLDEN = Path(__file__).parent / "golden"
_KINDS_WITHOUT_ANSWER = frozenset({"unanswerable", "off-topic"})


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldPassage:
    """Words of a document that answer a question. Spans are compared without punctuation and articles."""

    document: str
    quote: str
    is_span: bool = False

    def is_in(self, document: str, passage: str) -> bool:
        """Return whether the passage belongs to the document and contains the words."""
        if document != self.document:
            return False
        if self.is_span:
            return f" {normalise(self.quote)} " in f" {normalise(passage)} "
        return flatten(self.quote) in flatten(passage)


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

    @property
    def is_answerable(self) -> bool:
        return self.kind not in _KINDS_WITHOUT_ANSWER


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionSet:
    """Documents with questions about them."""

    name: str
    documents: Sequence[CorpusDocument]
    questions: Sequence[GoldQuestion]


def read_question_set(target: str) -> QuestionSet:
    """Read the golden set, or a folder in the format of SQuAD or CLAPNQ. Raise `InvalidInput` for other folders."""
    folder = Path(target)
    if target == GOLDEN:
        return QuestionSet(name=GOLDEN, documents=_read_golden_documents(), questions=list(_read_golden()))
    if (folder / "answers.json").is_file():
        questions = list(_read_squad(folder))
    elif files := sorted(folder.glob("*answerable.jsonl")):
        questions = [question for file in files for question in _read_clapnq(folder, file)]
    else:
        raise InvalidInput(
            f"{target} has no gold answers. A folder needs corpus.jsonl and queries.jsonl, and answers.json or "
            f"CLAPNQ's *answerable.jsonl. The project's own set is named {GOLDEN}."
        )
    return QuestionSet(name=folder.resolve().name, documents=read_corpus(folder), questions=questions)


def has_questions(folder: Path) -> bool:
    return (folder / "answers.json").is_file() or any(folder.glob("*answerable.jsonl"))


def _read_golden_documents() -> list[CorpusDocument]:
    root = _GOLDEN / "documents"
    return [
        CorpusDocument(id=path.relative_to(root).as_posix(), title="", text=path.read_text(encoding="utf-8"))
        for path in sorted(root.rglob("*.md"))
    ]


def _read_golden() -> Iterator[GoldQuestion]:
    for row in _rows(_GOLDEN / "questions.jsonl"):
        yield GoldQuestion(
            id=row["id"],
            text=row["question"],
            kind=row["kind"],
            evidence=[
                [_to_gold_passage(row) for row in (passage, *passage.get("also", ()))] for passage in row["passages"]
            ],
            references=[row["answer"]] if row["answer"] else [],
        )


def _to_gold_passage(row: Mapping[str, str]) -> GoldPassage:
    return GoldPassage(document=row["document"], quote=row["quote"])


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
    for row in _rows(file):
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
        )


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} cannot be read as JSON lines: {error}") from error
