"""How often the better of two answers, as people judged, has the larger share of supported sentences.

RAGChecker's people compared two answers with one that is known to be correct. So the known one is the passage here.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.grounding.checking import Grounding
from service.grounding.evidence import Reading

HEADER = "| difference that people saw | pairs | check agrees | check sees no difference |\n|---|---|---|---|"

# The labels go from -2, the first answer is much more correct, to 2. 0 and its absence tell nothing.
_DEGREES = {1: "better", 2: "much better"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The pairs of one degree. A pair without a difference counts half."""

    degree: str
    pairs: int
    agrees: float
    equal: int

    def to_row(self) -> str:
        return f"| {self.degree} | {self.pairs} | {self.agrees:.2f} | {self.equal} |"


async def compare(folder: Path, grounding: Grounding) -> list[Agreement]:
    rows: list[dict[str, Any]] = json.loads((folder / "human_labeled_data.json").read_text(encoding="utf-8"))
    differences = [(row["correctness_label"], await _difference(row, grounding)) for row in rows]
    return list(_agreements(differences))


def _agreements(differences: Sequence[tuple[float, float]]) -> Iterator[Agreement]:
    for degree, name in _DEGREES.items():
        some = [(label, difference) for label, difference in differences if abs(label) == degree]
        equal = sum(difference == 0 for _, difference in some)
        agrees = sum(label * difference > 0 for label, difference in some)
        yield Agreement(degree=name, pairs=len(some), agrees=(agrees + equal / 2) / max(1, len(some)), equal=equal)


async def _difference(row: dict[str, Any], grounding: Grounding) -> float:
    """Return by how much the second answer is supported better than the first."""
    first, second = [await _share(row[name]["response"], row["gt_answer"], grounding) for name in ("model1", "model2")]
    return second - first


async def _share(answer: str, known: str, grounding: Grounding) -> float:
    checked = await grounding.check(answer, [Reading(known)])
    claims = [sentence.verdict for sentence in checked if sentence.verdict != "nothing"]
    return claims.count("supported") / len(claims) if claims else 0.0
