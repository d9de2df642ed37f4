"""Measures detectors on real questions: false alarms of unchanged days, power and delay of changed days (ADR 0028).

A day has 500 questions and five looks: after 50, 100, 200, 350 and 500 questions. The first look above the threshold is
the alarm. An alarm on an unchanged day is a false alarm.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.progress import track

from evals.drift.two_sample_test import measure_shift
from rag.errors import BadResponse
from rag.types import EmbedderIdentity
from research.drift_power.streams import CHOSEN_ON, LENGTH, REPORTED, Mix, Pools, Streams
from service.drift.base import OF_THE_VECTOR, Observation
from service.drift.bins import psi
from service.drift.reference import build_reference

LOOKS_AT = (50, 100, 200, 350, 500)
FALSE_ALARMS = 0.01
"""Probability of a false alarm per unchanged day."""
SHARES = (0.05, 0.2)
OURS = "groundwork"
ONLINE = "PSI"
PSI_SURE = 36.0
"""Threshold of PSI n m / (n + m): chance exceeds it once in 25,000 looks (chi-squared, 9 degrees of freedom)."""
PSI_LARGE = 0.1
PSI_QUESTIONS = 200
"""Minimum number of questions. With fewer, an empty bin weighs too much."""
# Resolves p-values of 1 in 500, which is the share of one look in the false alarms of a day.
_PERMUTATIONS = 499
BURSTS = "xquad-en"
"""The set whose questions come in groups of five per paragraph."""
_EVIDENTLY_UNCHANGED = 80
_EVIDENTLY_CHANGED = 30
_PROGRAM = Path(__file__).with_name("evidently_scores.py")

Scores = Mapping[str, npt.NDArray[np.float64]]
"""Scores by detector, shape (streams, looks). Ours also have `… alarms` at their default thresholds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidentlyRun:
    """A run of evidently on the first streams only, because it takes three times as long."""

    python: Path
    streams: int


def plan_evidently(python: Path, mix: Mix, share: float) -> EvidentlyRun | None:
    """Return the run for a mix. Return None for mixes that are not reported."""
    if mix.base not in {reported.base for reported in REPORTED}:
        return None
    return EvidentlyRun(python=python, streams=_EVIDENTLY_CHANGED if share else _EVIDENTLY_UNCHANGED)


def looks_of(mix: Mix) -> list[int]:
    return [look for look in LOOKS_AT if look <= mix.length]


def conditions() -> Iterator[tuple[Mix, float]]:
    """Yield each base without a change once, and each mix with each share of changed questions."""
    seen: set[str] = set()
    for mix in (*CHOSEN_ON, *REPORTED):
        if mix.base not in seen:
            seen.add(mix.base)
            yield mix, 0.0
        yield from ((mix, share) for share in SHARES)


def name_of(mix: Mix, share: float) -> str:
    return f"{mix.base if share == 0 else mix}@{share:g}".replace(":", "-")


def score(streams: Streams, looks: Sequence[int], *, evidently: EvidentlyRun | None, title: str) -> Scores:
    """Score every stream with every detector. A stream takes a third of a second, or over a second with evidently."""
    found: dict[str, npt.NDArray[np.float64]] = {}
    shape = (len(streams.questions), len(looks))
    ours, alarms, online, online_alarms = (np.empty(shape) for _ in range(4))
    for number in track(range(shape[0]), title):
        reference = streams.vectors[streams.references[number]]
        questions = streams.vectors[streams.questions[number]]
        for column, look in enumerate(looks):
            shift = measure_shift(reference, questions[:look], permutations=_PERMUTATIONS)
            ours[number, column] = shift.score
            alarms[number, column] = shift.p_value <= FALSE_ALARMS / len(looks)
        online[number], online_alarms[number] = _online(reference, questions, looks)
    found |= {OURS: ours, f"{OURS} alarms": alarms, ONLINE: online, f"{ONLINE} alarms": online_alarms}
    if evidently is not None:
        found |= _score_by_evidently(streams, looks, evidently)
    return found


def save(scores: Scores, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({name: np.round(values, 6).tolist() for name, values in scores.items()}))


def load(path: Path) -> Scores:
    return {name: np.array(values) for name, values in json.loads(path.read_text()).items()}


def measure(
    pools: Pools, mix: Mix, share: float, *, streams: int, evidently: EvidentlyRun | None, folder: Path
) -> Scores:
    """Measure one condition, or read it from the folder if it was measured before."""
    path = folder / f"{name_of(mix, share)}.json"
    if not path.exists():
        drawn = pools.draw(mix, share=share, count=streams)
        save(score(drawn, looks_of(mix), evidently=evidently, title=path.stem), path)
    return load(path)


def measure_bursts(pools: Pools, groups: Sequence[int], *, streams: int, folder: Path) -> Scores:
    """Measure unchanged days on which questions about one page follow each other, as real users ask them."""
    path = folder / f"{BURSTS}-bursts@0.json"
    if not path.exists():
        drawn = pools.draw_bursts(BURSTS, groups, length=LENGTH, count=streams)
        save(score(drawn, LOOKS_AT, evidently=None, title=path.stem), path)
    return load(path)


def _online(
    reference: npt.NDArray[np.float32], questions: npt.NDArray[np.float32], looks: Sequence[int]
) -> tuple[list[float], list[float]]:
    """Return per look the largest score over the vector's features, and whether the service's alert would fire."""
    unknown = EmbedderIdentity(model="", dimension=reference.shape[1])
    baseline = build_reference([Observation(vector=vector, values={}) for vector in reference], unknown)
    values = np.array([baseline.of_vector(vector) for vector in questions])
    scores, alarms = [], []
    for look in looks:
        features = []
        for column, feature in enumerate(OF_THE_VECTOR):
            bins = baseline.bins[feature]
            value = psi(bins.shares(values[:look, column]), bins.ratios)
            features.append((value * look * bins.count / (look + bins.count), value))
        scores.append(max(features)[0])
        is_alarm = any(score > PSI_SURE and value > PSI_LARGE for score, value in features)
        alarms.append(float(look >= PSI_QUESTIONS and is_alarm))
    return scores, alarms


def _score_by_evidently(streams: Streams, looks: Sequence[int], evidently: EvidentlyRun) -> Scores:
    with tempfile.TemporaryDirectory() as scratch:
        streams_file, scores_file = Path(scratch) / "streams.npz", Path(scratch) / "scores.npz"
        np.savez(
            streams_file,
            vectors=streams.vectors,
            references=streams.references[: evidently.streams],
            questions=streams.questions[: evidently.streams],
            looks=np.array(looks),
        )
        run = subprocess.run(
            [evidently.python, _PROGRAM, streams_file, scores_file], check=False, stderr=subprocess.PIPE, text=True
        )
        if run.returncode:
            print(run.stderr, file=sys.stderr)
            raise BadResponse(f"{_PROGRAM.name} failed with {evidently.python}. Its error output is above.")
        with np.load(scores_file) as scores:
            return {f"evidently {name}": scores[name] for name in scores.files}
