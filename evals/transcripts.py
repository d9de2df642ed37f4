"""Answers with what they were written from, a JSON object a line: what judges read."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rag.errors import InvalidInput
from service.judging.base import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """One answered question of an evaluation."""

    id: str
    question: str
    passages: Sequence[str]
    answer: str
    refused: bool = False

    def to_subject(self) -> Subject:
        return Subject(question=self.question, passages=self.passages, answer=self.answer)


def write_transcripts(transcripts: Sequence[Transcript], path: Path) -> None:
    path.write_text("".join(f"{json.dumps(asdict(transcript))}\n" for transcript in transcripts), encoding="utf-8")


def read_transcripts(path: Path) -> list[Transcript]:
    """Raises `InvalidInput` for what is no file of answers."""
    try:
        return [Transcript(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError, TypeError) as error:
        raise InvalidInput(
            f"{path} holds no answers to judge ({error}). `python -m evals answers … --texts FOLDER` writes them."
        ) from error
