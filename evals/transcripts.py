"""Answers with their questions and passages, one JSON object per line. Judges read them."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rag.errors import InvalidInput
from service.judging.base import Subject
from service.writing.unsure import without_paragraph


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """One answered question of an evaluation."""

    id: str
    question: str
    passages: Sequence[str]
    answer: str
    declined: bool = False

    def to_subject(self) -> Subject:
        return Subject(question=self.question, passages=self.passages, answer=without_paragraph(self.answer))


def write_transcripts(transcripts: Sequence[Transcript], path: Path) -> None:
    path.write_text("".join(f"{json.dumps(asdict(transcript))}\n" for transcript in transcripts), encoding="utf-8")


def read_transcripts(path: Path) -> list[Transcript]:
    """Read the answers. Raise `InvalidInput` if the file has another format."""
    try:
        return [_to_transcript(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError, TypeError) as error:
        raise InvalidInput(
            f"{path} contains no answers ({error}). Write them with `python -m evals answers … --texts FOLDER`."
        ) from error


def _to_transcript(fields: dict[str, Any]) -> Transcript:
    # Files that were written before `declined` had its name.
    if "refused" in fields:
        fields["declined"] = fields.pop("refused")
    return Transcript(**fields)
