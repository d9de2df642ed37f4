"""Measured agreement of judges with people, stored in one file by judge, rubric and data set."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rag.errors import Misconfigured
from service.prompting.base import PromptVersion

PACKAGED = Path(__file__).parents[1] / "rubrics" / "calibration.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The agreement of a judge with people on one data set."""

    judge: str
    rubric: str
    rubric_hash: str
    data: str
    """Data set and label, such as `halueval-general`."""
    cases: int
    """Number of judged cases, without `failures`."""
    failures: int
    agreement: float
    """Share of cases with the same label from judge and people."""
    kappa: float
    interval: tuple[float, float]
    """95 % bootstrap interval of kappa."""
    confusion: Mapping[str, Mapping[str, int]]
    """Number of cases by human label, then by the judge's label."""
    position_bias: float | None = None
    """Only for pairs: share of pairs whose verdict changed with the order of the answers."""

    def __str__(self) -> str:
        low, high = self.interval
        return f"κ {self.kappa:.2f} ({low:.2f} to {high:.2f}) with people on {self.data}, n {self.cases}"


class Calibrations:
    """Known agreements. They are valid for the exact text of a rubric, identified by its hash."""

    def __init__(self, agreements: Sequence[Agreement]) -> None:
        self._agreements = {(it.judge, it.rubric, it.rubric_hash, it.data): it for it in agreements}

    @classmethod
    def read(cls, path: Path) -> "Calibrations":
        """Read the file. A missing file contains no agreements. Raises `Misconfigured` for an invalid file."""
        if not path.exists():
            return cls([])
        try:
            entries = json.loads(path.read_text(encoding="utf-8"))
            return cls([Agreement(**(entry | {"interval": tuple(entry["interval"])})) for entry in entries])
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise Misconfigured(f"{path} is not a valid calibration: {error}. Check RAG_JUDGE__CALIBRATION.") from error

    def write(self, path: Path) -> None:
        entries = [asdict(self._agreements[key]) for key in sorted(self._agreements)]
        path.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def of(self, judge: str, rubric: PromptVersion) -> list[Agreement]:
        """Return the agreements of a judge for this text of the rubric, possibly none."""
        return [it for it in self._agreements.values() if (it.judge, it.rubric_hash) == (judge, rubric.hash)]

    def add(self, agreement: Agreement) -> "Calibrations":
        return Calibrations([*self._agreements.values(), agreement])
