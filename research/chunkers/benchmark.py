"""Reads a benchmark in the format of Chroma's chunking evaluation: the answers are marked as spans in the documents.

Smith and Troynikov, "Evaluating Chunking Strategies for Retrieval", Chroma, 2024. The set comes with their code,
github.com/brandonstarxel/chunking_evaluation: `corpora/*.md` and `questions_df.csv`.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.errors import InvalidInput

Span = tuple[int, int]
"""Start and end offset in characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceQuestion:
    """A question about one corpus, with the spans of its answer."""

    text: str
    corpus: str
    references: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """Corpora that are searched together, and questions about one corpus each."""

    corpora: Mapping[str, str]
    questions: Sequence[ReferenceQuestion]


def read_benchmark(folder: Path) -> Benchmark:
    """Read a benchmark. Raise `InvalidInput` for another format, or if a span does not contain its text."""
    try:
        corpora = {path.stem: path.read_text() for path in sorted((folder / "corpora").glob("*.md"))}
        with (folder / "questions_df.csv").open(newline="") as file:
            questions = [_to_question(row, corpora) for row in csv.DictReader(file)]
    except (OSError, KeyError, ValueError) as error:
        raise InvalidInput(
            f"{folder} is not a chunking benchmark (corpora/*.md, questions_df.csv): {error!r}"
        ) from error
    return Benchmark(corpora=corpora, questions=questions)


def _to_question(row: Mapping[str, str], corpora: Mapping[str, str]) -> ReferenceQuestion:
    references = json.loads(row["references"])
    for reference in references:
        if corpora[row["corpus_id"]][reference["start_index"] : reference["end_index"]] != reference["content"]:
            raise ValueError(f"a span of {row['question']!r} does not contain its text")
    return ReferenceQuestion(
        text=row["question"],
        corpus=row["corpus_id"],
        references=tuple((reference["start_index"], reference["end_index"]) for reference in references),
    )
