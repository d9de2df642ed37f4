"""Public data sets of answers with human labels, for the calibration of judges."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from evals.judging.pairs import Pair, Preference
from rag.errors import InvalidInput

_SEED = 20

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledAnswer:
    """A case of HaluEval general: an answer of ChatGPT, and whether people found hallucinations (Li et al., 2023)."""

    question: str
    answer: str
    hallucinated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPair:
    """A case of RAGChecker's meta-evaluation: two answers with the preferences of two people (Ru et al., 2024)."""

    pair: Pair
    completeness: Sequence[Preference]
    overall: Sequence[Preference]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledData:
    """A data set with labelled answers or labelled pairs. The other one is empty."""

    name: str
    answers: Sequence[LabelledAnswer] = ()
    pairs: Sequence[LabelledPair] = ()

    def sample(self, count: int | None) -> "LabelledData":
        """Return all cases, or a sample that is the same each time."""
        return replace(self, answers=_choose(self.answers, count), pairs=_choose(self.pairs, count))

    def held_out(self) -> "LabelledData":
        """Return every second case. No parameter of a judge was chosen on them."""
        return replace(self, name=f"{self.name} (second half)", answers=self.answers[1::2], pairs=self.pairs[1::2])


def read_labelled(folder: Path) -> LabelledData:
    """Read `general_data.json` or `human_labeled_data.json` as published. Raise `InvalidInput` without either."""
    answers, pairs = folder / "general_data.json", folder / "human_labeled_data.json"
    try:
        if answers.exists():
            lines = answers.read_text(encoding="utf-8").splitlines()
            return LabelledData(name=folder.name, answers=[_to_answer(json.loads(line)) for line in lines])
        return LabelledData(name=folder.name, pairs=_to_pairs(json.loads(pairs.read_text(encoding="utf-8"))))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"{folder} contains no labelled answers ({error}). It needs HaluEval's general_data.json or RAGChecker's "
            "human_labeled_data.json."
        ) from error


def _to_answer(entry: dict[str, Any]) -> LabelledAnswer:
    return LabelledAnswer(
        question=entry["user_query"], answer=entry["chatgpt_response"], hallucinated=entry["hallucination"] == "yes"
    )


def _to_pairs(entries: Sequence[dict[str, Any]]) -> list[LabelledPair]:
    """Return one case per pair. The file has an entry for each of its two raters."""
    entries_of: dict[Pair, list[dict[str, Any]]] = {}
    for entry in entries:
        pair = Pair(
            question=entry["query"],
            passages=entry["gt_answer"],
            first=entry["model1"]["response"],
            second=entry["model2"]["response"],
        )
        entries_of.setdefault(pair, []).append(entry)
    return [
        LabelledPair(
            pair=pair,
            completeness=[_preference(entry["completeness_label"]) for entry in both],
            overall=[_preference(entry["overall_label"]) for entry in both],
        )
        for pair, both in entries_of.items()
    ]


def _preference(label: int) -> Preference:
    """Convert a label from -2 (the first is much better) to 2 (the second is much better)."""
    if label == 0:
        return "tie"
    return "second" if label > 0 else "first"


def _choose(cases: Sequence[T], count: int | None) -> Sequence[T]:
    return random.Random(_SEED).sample(cases, count) if count and count < len(cases) else cases
