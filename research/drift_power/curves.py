"""What the scores of many days say of detectors: thresholds, power, delay, ROC curves."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from evals.plots import open_figure
from research.drift_power.power import FALSE_ALARMS, ONLINE, OURS, Scores, looks_of
from research.drift_power.streams import Mix

Array = npt.NDArray[np.float64]

_SHIPPED = " alarms"
_COLUMNS = ("mix", "share", "detector", "days", "false alarms a day", "power within a day", "until half noticed")
HEADER = f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}"
_MOST_FALSE_ALARMS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorResult:
    """One detector on one mix."""

    detector: str
    mix: str
    share: float
    unchanged: int
    """Days without a change."""
    changed: int
    false_alarms: float
    """Of the days without a change."""
    power: float
    """Of the days with it, those on which there was an alarm."""
    delay: float
    """Questions until half of those days had their alarm; infinite where fewer have."""

    def to_row(self) -> str:
        delay = f"{self.delay:.0f}" if np.isfinite(self.delay) else "never"
        days = f"{self.unchanged} + {self.changed}"
        rates = f"{self.false_alarms:.1%} | {self.power:.0%}"
        return f"| {self.mix} | {self.share:.0%} | {self.detector} | {days} | {rates} | {delay} |"


def judge_shipped(mix: Mix, share: float, unchanged: Scores, changed: Scores) -> Iterator[DetectorResult]:
    """Our detectors at the thresholds that they ship with, over all days."""
    for name in (OURS, ONLINE):
        without, having = unchanged[f"{name}{_SHIPPED}"], changed[f"{name}{_SHIPPED}"]
        yield _judge(mix, share, f"{name}, as shipped", without > 0.5, having > 0.5)


def judge_alike(mix: Mix, share: float, unchanged: Scores, changed: Scores) -> Iterator[DetectorResult]:
    """Every detector over the same days, at the threshold that lets 1 % of the unchanged ones give an alarm.

    Each look's score is put into deviations of that look's scores on unchanged days first: one threshold then suits all
    looks of every detector, which is more than a user of theirs could know.
    """
    names = [name for name in changed if not name.endswith(_SHIPPED)]
    quiet, loud = (min(len(scores[name]) for name in names) for scores in (unchanged, changed))
    for name in names:
        without, having = in_deviations(unchanged[name][:quiet], changed[name][:loud])
        threshold = threshold_for(without)
        yield _judge(mix, share, name, without > threshold, having > threshold)


def in_deviations(unchanged: Array, changed: Array) -> tuple[Array, Array]:
    """Both in standard deviations of the unchanged days' scores, look by look."""
    middle, deviation = unchanged.mean(axis=0), np.maximum(unchanged.std(axis=0), 1e-12)
    return (unchanged - middle) / deviation, (changed - middle) / deviation


def threshold_for(unchanged: Array) -> float:
    """The score that the day's largest exceeds on 1 % of the days at most."""
    highest = np.sort(unchanged.max(axis=1))
    return float(highest[-1 - int(FALSE_ALARMS * len(highest))])


def roc(unchanged: Array, changed: Array) -> list[tuple[float, float]]:
    """False alarms of a day against power within a day, for every threshold."""
    without, having = unchanged.max(axis=1), changed.max(axis=1)
    thresholds = np.concatenate([[np.inf], np.sort(np.concatenate([without, having]))[::-1]])
    return [(float((without >= it).mean()), float((having >= it).mean())) for it in thresholds]


def draw_roc(days: Sequence[tuple[Scores, Scores]], path: Path, *, title: str) -> None:
    """Of each pair of unchanged and changed days the mean curve of every detector."""
    across = np.linspace(0, _MOST_FALSE_ALARMS, 201)
    curves: dict[str, list[Array]] = {}
    for unchanged, changed in days:
        names = [name for name in changed if not name.endswith(_SHIPPED)]
        quiet, loud = (min(len(scores[name]) for name in names) for scores in (unchanged, changed))
        for name in names:
            points = np.array(roc(*in_deviations(unchanged[name][:quiet], changed[name][:loud])))
            up = [points[points[:, 0] <= at + 1e-9, 1].max() for at in across]
            curves.setdefault(name, []).append(np.array(up))
    _draw(across, {name: np.mean(found, axis=0) for name, found in curves.items()}, path, title)


def _draw(across: Array, curves: Mapping[str, Array], path: Path, title: str) -> None:
    with open_figure(path) as axes:
        for name, up in curves.items():
            axes.plot(across, up, linewidth=2 if name == OURS else 1, label=name)
        axes.axvline(FALSE_ALARMS, color="0.6", linewidth=1, linestyle=":")
        axes.set(
            xlabel="false alarms of a day without a change", ylabel="power within a day", title=title, ylim=(0, 1.02)
        )
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
