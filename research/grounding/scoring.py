"""Citations and refusals of the model's answers, before and after the check.

The truth is a label for each sentence, given by reading. The rule: a sentence is supported if the passages that it
cites, read with their titles and nothing else, state everything that it states. Without a marker, one passage must.
A sentence whose marker is moved must have a label for the passage that it cites then.
Citation precision is the share of cited sentences that are supported, and citation recall the share of all sentences
that cite and are supported. An answer refuses if it claims nothing; a withheld answer refuses too.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from research.grounding.asking import StudyAnswer
from service.grounding.checking import CheckedSentence, Grounding
from service.grounding.evidence import Reading

HEADER = "| | before | after | sentences or answers |\n|---|---|---|---|"


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What reading an answer found, for each of its sentences."""

    supported: Sequence[bool | None]
    """Whether the passages that it cites support it. None: it claims nothing."""
    sources: Sequence[Sequence[int]]
    """The passages of which each one supports it alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A measure of all sentences as the model wrote them, and of those that the check leaves."""

    name: str
    before: tuple[int, int]
    after: tuple[int, int]

    def to_row(self) -> str:
        cells = [f"{share / of:.2f}" if of else "" for share, of in (self.before, self.after)]
        return f"| {self.name} | {' | '.join(cells)} | {self.before[1]} → {self.after[1]} |"


def read_labels(file: Path) -> Mapping[str, Labels]:
    rows = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return {row["id"]: Labels(supported=row["supported"], sources=row["sources"]) for row in rows}


async def score(answers: Sequence[StudyAnswer], labels: Mapping[str, Labels], grounding: Grounding) -> list[Result]:
    """Return the measures of all labelled answers."""
    labelled = [answer for answer in answers if answer.id in labels]
    checked = [
        await grounding.check(answer.text, list(map(Reading, answer.passages)), finds_sources=True)
        for answer in labelled
    ]
    sentences = [
        (sentence, truth, truth if sentence.source is None else sentence.source in sources)
        for answer, found in zip(labelled, checked, strict=True)
        for sentence, truth, sources in zip(found, labels[answer.id].supported, labels[answer.id].sources, strict=True)
        if truth is not None
    ]
    kept = [
        (sentence, after) for sentence, _, after in sentences if sentence.verdict != "unsupported" or sentence.source
    ]
    cited = [truth for sentence, truth, _ in sentences if sentence.cited]
    cited_kept = [after for sentence, after in kept if sentence.cited or sentence.source]
    truths, truths_kept = [truth for _, truth, _ in sentences], [after for _, after in kept]
    silent = [
        (answer.is_answerable, _is_silent(found), all(map(_is_withheld, found)))
        for answer, found in zip(labelled, checked, strict=True)
    ]
    return [
        Result(name="citation precision", before=_share(cited), after=_share(cited_kept)),
        Result(name="citation recall", before=(sum(cited), len(sentences)), after=(sum(cited_kept), len(kept))),
        Result(name="supported sentences, of those shown", before=_share(truths), after=_share(truths_kept)),
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


def _is_silent(sentences: Sequence[CheckedSentence]) -> bool:
    """Return whether nothing is claimed."""
    return all(sentence.verdict == "nothing" for sentence in sentences)


def _is_withheld(sentence: CheckedSentence) -> bool:
    """Return whether the service shows no claim of the sentence."""
    return sentence.verdict == "nothing" or (sentence.verdict == "unsupported" and sentence.source is None)


def _share(truths: Sequence[bool]) -> tuple[int, int]:
    return sum(truths), len(truths)
