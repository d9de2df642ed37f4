"""Evaluates detectors from their scores of many days: thresholds, power, delay, ROC curves (ADR 0028)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from evals.plots import open_figure
from research.drift_power.power import FALSE_ALARMS, ONLINE, OURS, Scores, looks_of
from research.drift_power.streams import Mix

Array = npt.NDArray[np.float64]

_ALARMS = " alarms"
_COLUMNS = (
    "mix",
    "share",
    "detector",
    "days",
    "false alarms per day",
    "power within a day",
    "delay of half the alarms",
)
HEADER = f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}"
_MOST_FALSE_ALARMS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorResult:
    """The result of one detector on one mix."""

    detector: str
    mix: str
    share: float
    unchanged: int
    """Number of unchanged days."""
    changed: int
    false_alarms: float
    """Share of the unchanged days with an alarm."""
    power: float
    """Share of the changed days with an alarm."""
    delay: float
    """Questions until half of the changed days had an alarm. Infinite if fewer had one."""

    def to_row(self) -> str:
        delay = f"{self.delay:.0f}" if np.isfinite(self.delay) else "never"
        days = f"{self.unchanged} + {self.changed}"
        rates = f"{self.false_alarms:.1%} | {self.power:.0%}"
        return f"| {self.mix} | {self.share:.0%} | {self.detector} | {days} | {rates} | {delay} |"


def judge_defaults(mix: Mix, share: float, unchanged: Scores, changed: Scores) -> Iterator[DetectorResult]:
    """Evaluate our detectors at their default thresholds, over all days."""
    for name in (OURS, ONLINE):
        without, having = unchanged[f"{name}{_ALARMS}"], changed[f"{name}{_ALARMS}"]
        yield _judge(mix, share, f"{name}, default threshold", without > 0.5, having > 0.5)


def judge_at_equal_false_alarms(mix: Mix, share: float, unchanged: Scores, changed: Scores) -> Iterator[DetectorResult]:
    """Evaluate all detectors on the same days, each at the threshold with alarms on 1 % of the unchanged days.

    The scores of each look are standardised by those of the unchanged days, so that one threshold fits all looks. This
    favours the other detectors: their users do not know these distributions.
    """
    names = [name for name in changed if not name.endswith(_ALARMS)]
    quiet, loud = (min(len(scores[name]) for name in names) for scores in (unchanged, changed))
    for name in names:
        without, having = standardise(unchanged[name][:quiet], changed[name][:loud])
        threshold = threshold_for(without)
        yield _judge(mix, share, name, without > threshold, having > threshold)


def standardise(unchanged: Array, changed: Array) -> tuple[Array, Array]:
    """Return both in standard deviations of the unchanged days' scores, per look."""
    middle, deviation = unchanged.mean(axis=0), np.maximum(unchanged.std(axis=0), 1e-12)
    return (unchanged - middle) / deviation, (changed - middle) / deviation


def threshold_for(unchanged: Array) -> float:
    """Return the score that the maximum of a day exceeds on at most 1 % of the days."""
    highest = np.sort(unchanged.max(axis=1))
    return float(highest[-1 - int(FALSE_ALARMS * len(highest))])


def roc(unchanged: Array, changed: Array) -> list[tuple[float, float]]:
    """Return (false alarms per day, power within a day) for every threshold."""
    without, having = unchanged.max(axis=1), changed.max(axis=1)
    thresholds = np.concatenate([[np.inf], np.sort(np.concatenate([without, having]))[::-1]])
    return [(float((without >= each).mean()), float((having >= each).mean())) for each in thresholds]


def plot_roc(days: Sequence[tuple[Scores, Scores]], path: Path, *, title: str) -> None:
    """Plot the ROC curve of every detector, averaged over the pairs of unchanged and changed days."""
    x = np.linspace(0, _MOST_FALSE_ALARMS, 201)
    curves: dict[str, list[Array]] = {}
    for unchanged, changed in days:
        names = [name for name in changed if not name.endswith(_ALARMS)]
        quiet, loud = (min(len(scores[name]) for name in names) for scores in (unchanged, changed))
        for name in names:
            points = np.array(roc(*standardise(unchanged[name][:quiet], changed[name][:loud])))
            y = [points[points[:, 0] <= at + 1e-9, 1].max() for at in x]
            curves.setdefault(name, []).append(np.array(y))
    _plot(x, {name: np.mean(found, axis=0) for name, found in curves.items()}, path, title)


def _plot(x: Array, curves: Mapping[str, Array], path: Path, title: str) -> None:
    with open_figure(path) as axes:
        for name, y in curves.items():
            axes.plot(x, y, linewidth=2 if name == OURS else 1, label=name)
        axes.axvline(FALSE_ALARMS, color="0.6", linewidth=1, linestyle=":")
        axes.set(xlabel="false alarms per unchanged day", ylabel="power within a day", title=title, ylim=(0, 1.02))
        axes.legend(fontsize=7, loc="lower right")


def _judge(
    mix: Mix, share: float, detector: str, without: npt.NDArray[np.bool_], having: npt.NDArray[np.bool_]
) -> DetectorResult:
    looks = np.array(looks_of(mix))
    first = np.where(having.any(axis=1), looks[having.argmax(axis=1)], np.inf)
    return DetectorResult(
        detector=detector,
        mix=str(mix),
        share=share,
        unchanged=len(without),
        changed=len(having),
        false_alarms=float(without.any(axis=1).mean()),
        power=float(having.any(axis=1).mean()),
        delay=float(np.sort(first)[(len(first) - 1) // 2]),
    )
