"""How far a judge agreed with people: kept in one file, by judge, rubric and data set."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rag.errors import Misconfigured
from service.prompting.base import PromptVersion

PACKAGED = Path(__file__).parents[1] / "rubrics" / "calibration.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """A judge beside people, on one data set."""

    judge: str
    rubric: str
    rubric_hash: str
    data: str
    """Data set and the label in it, such as `halueval-general`."""
    cases: int
    """Read by the judge; `failures` more were not."""
    failures: int
    agreement: float
    """Share of cases with the same label."""
    kappa: float
    interval: tuple[float, float]
    """95 % bootstrap interval of kappa."""
    confusion: Mapping[str, Mapping[str, int]]
    """Human label to the judge's label to cases."""
    position_bias: float | None = None
    """Pairs only: share of pairs on which the verdict changed with the order."""

    def __str__(self) -> str:
        low, high = self.interval
        return f"κ {self.kappa:.2f} ({low:.2f} to {high:.2f}) with people on {self.data}, n {self.cases}"


class Calibrations:
    """What is known of judges; a rubric whose text changed is another rubric."""

    def __init__(self, agreements: Sequence[Agreement]) -> None:
        self._agreements = {_key(agreement): agreement for agreement in agreements}

    @classmethod
    def read(cls, path: Path) -> "Calibrations":
        """None known where there is no file. Raises `Misconfigured` for one that does not fit."""
        if not path.exists():
            return cls([])
        try:
            entries = json.loads(path.read_text(encoding="utf-8"))
            return cls([Agreement(**(entry | {"interval": tuple(entry["interval"])})) for entry in entries])
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise Misconfigured(f"{path} is no file of calibrations: {error}") from error

    def write(self, path: Path) -> None:
        entries = [asdict(self._agreements[key]) for key in sorted(self._agreements)]
        path.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def of(self, judge: str, rubric: PromptVersion) -> list[Agreement]:
        """Nothing for a judge that nobody calibrated with this very text."""
        known = self._agreements.values()
        return [found for found in known if (found.judge, found.rubric_hash) == (judge, rubric.hash)]

    def with_(self, agreement: Agreement) -> "Calibrations":
        return Calibrations([*self._agreements.values(), agreement])


def _key(agreement: Agreement) -> tuple[str, str, str, str]:
    return agreement.judge, agreement.rubric, agreement.rubric_hash, agreement.data
