"""Citations and refusals of the model's answers, before and after the check.

The truth is a label for each sentence, given by reading. The rule: a sentence is supported if the passages that it
cites, read with their titles and nothing else, state everything that it states. Without a marker, one passage must.
Citation precision is the share of cited sentences that are supported, and citation recall the share of all sentences
that cite and are supported. An answer refuses if it claims nothing; a withheld answer refuses too.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from research.grounding.asking import StudyAnswer
from service.grounding.checking import CheckedSentence, Grounding

HEADER = "| | before | after | sentences or answers |\n|---|---|---|---|"

Labels = Mapping[str, Sequence[bool | None]]
"""For each answer, whether each of its sentences is supported. None: it claims nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A measure of all sentences as the model wrote them, and of those that the check leaves."""

    name: str
    before: tuple[int, int]
    after: tuple[int, int]

    def to_row(self) -> str:
        cells = [f"{share / of:.2f}" if of else "" for share, of in (self.before, self.after)]
        return f"| {self.name} | {' | '.join(cells)} | {self.before[1]} → {self.after[1]} |"


def read_labels(file: Path) -> Labels:
    return {row["id"]: row["supported"] for row in map(json.loads, file.read_text(encoding="utf-8").splitlines())}


async def score(answers: Sequence[StudyAnswer], labels: Labels, grounding: Grounding) -> list[Result]:
    """Return the measures of all labelled answers."""
    labelled = [answer for answer in answers if answer.id in labels]
    checked = [await grounding.check(answer.text, answer.passages) for answer in labelled]
    sentences = [
        (sentence, truth)
        for answer, found in zip(labelled, checked, strict=True)
        for sentence, truth in zip(found, labels[answer.id], strict=True)
        if truth is not None
    ]
    kept = [(sentence, truth) for sentence, truth in sentences if sentence.verdict != "unsupported"]
    cited = [truth for sentence, truth in sentences if sentence.cited]
    cited_kept = [truth for sentence, truth in kept if sentence.cited]
    truths, truths_kept = [truth for _, truth in sentences], [truth for _, truth in kept]
    good = sum(truths)
    silent = [
        (answer.is_answerable, _is_silent(found, ()), _is_silent(found, ("unsupported",)))
        for answer, found in zip(labelled, checked, strict=True)
    ]
    return [
        Result(name="citation precision", before=_share(cited), after=_share(cited_kept)),
        Result(name="citation recall", before=(sum(cited), len(sentences)), after=(sum(cited_kept), len(kept))),
        Result(name="supported sentences, of those shown", before=_share(truths), after=_share(truths_kept)),
        Result(name="shown sentences, of those supported", before=(good, good), after=(sum(truths_kept), good)),
        Result(
            name="refusal precision",
            before=_share([not answerable for answerable, was, _ in silent if was]),
            after=_share([not answerable for answerable, _, now in silent if now]),
        ),
        Result(
            name="refusal recall",
            before=_share([was for answerable, was, _ in silent if not answerable]),
            after=_share([now for answerable, _, now in silent if not answerable]),
        ),
    ]


def _is_silent(sentences: Sequence[CheckedSentence], withheld: Sequence[str]) -> bool:
    """Return whether nothing is claimed, apart from sentences with a withheld verdict."""
    return all(sentence.verdict in {"nothing", *withheld} for sentence in sentences)


def _share(truths: Sequence[bool]) -> tuple[int, int]:
    return sum(truths), len(truths)
