"""How good the detectors are: false alarms of a day without a change, power and delay with one, over real questions.

A day is 500 questions, looked at five times: after 50, 100, 200, 350 and 500. A detector's alarm is its first look
above its threshold; a day without a change that has one is a false alarm.
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
"""Of a day."""
SHARES = (0.05, 0.2)
OURS = "groundwork"
ONLINE = "PSI"
PSI_SURE = 36.0
"""PSI n m / (n + m) of a feature: chance alone exceeds it once in 25,000 looks (chi-squared, 9 degrees)."""
PSI_LARGE = 0.1
PSI_QUESTIONS = 200
"""With fewer, an empty bin weighs too much."""
# Enough that one in five hundred can be told: a look's share of the day's false alarms.
_PERMUTATIONS = 499
BURSTS = "xquad-en"
"""Its questions come by five for each paragraph."""
_BESIDE_UNCHANGED = 80
_BESIDE_CHANGED = 30
_PROGRAM = Path(__file__).with_name("evidently_scores.py")

Scores = Mapping[str, npt.NDArray[np.float64]]
"""Detector to scores, shape (streams, looks); of ours also `alarms`, at the threshold that is shipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidentlyRun:
    """evidently, for the first of the streams: it takes three times as long."""

    python: Path
    streams: int


def beside(python: Path, mix: Mix, share: float) -> EvidentlyRun | None:
    """Only over the mixes that are reported."""
    if mix.base not in {it.base for it in REPORTED}:
        return None
    return EvidentlyRun(python=python, streams=_BESIDE_CHANGED if share else _BESIDE_UNCHANGED)


def looks_of(mix: Mix) -> list[int]:
    return [look for look in LOOKS_AT if look <= mix.length]


def conditions() -> Iterator[tuple[Mix, float]]:
    """Every mix without a change once for each base, and with each share of it."""
    seen: set[str] = set()
    for mix in (*CHOSEN_ON, *REPORTED):
        if mix.base not in seen:
            seen.add(mix.base)
            yield mix, 0.0
        yield from ((mix, share) for share in SHARES)


def name_of(mix: Mix, share: float) -> str:
    return f"{mix.base if share == 0 else mix}@{share:g}".replace(":", "-")


def score(streams: Streams, looks: Sequence[int], *, beside: EvidentlyRun | None, title: str) -> Scores:
    """Runs every detector over every stream; a third of a second for each, and more than a second with evidently."""
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
    if beside is not None:
        found |= _score_by_evidently(streams, looks, beside)
    return found


def save(scores: Scores, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({name: np.round(values, 6).tolist() for name, values in scores.items()}))


def load(path: Path) -> Scores:
    return {name: np.array(values) for name, values in json.loads(path.read_text()).items()}


def measure(pools: Pools, mix: Mix, share: float, *, streams: int, beside: EvidentlyRun | None, folder: Path) -> Scores:
    """What is in the folder already is not measured again."""
    path = folder / f"{name_of(mix, share)}.json"
    if not path.exists():
        drawn = pools.draw(mix, share=share, count=streams)
        save(score(drawn, looks_of(mix), beside=beside, title=path.stem), path)
    return load(path)


def measure_bursts(pools: Pools, groups: Sequence[int], *, streams: int, folder: Path) -> Scores:
    """Unchanged days on which questions about one page come one after the other, as people ask them."""
    path = folder / f"{BURSTS}-bursts@0.json"
    if not path.exists():
        drawn = pools.draw_bursts(BURSTS, groups, length=LENGTH, count=streams)
        save(score(drawn, LOOKS_AT, beside=None, title=path.stem), path)
    return load(path)


def _online(
    reference: npt.NDArray[np.float32], questions: npt.NDArray[np.float32], looks: Sequence[int]
) -> tuple[list[float], list[float]]:
    """What the metrics of the service give: the surest feature of the vector, and whether the alert would fire."""
    nobody = EmbedderIdentity(model="", dimension=reference.shape[1])
    kept = build_reference([Observation(vector=vector, values={}) for vector in reference], nobody)
    values = np.array([kept.of_vector(vector) for vector in questions])
    scores, alarms = [], []
    for look in looks:
        found = []
        for column, feature in enumerate(OF_THE_VECTOR):
            bins = kept.bins[feature]
            value = psi(bins.shares(values[:look, column]), bins.ratios)
            found.append((value * look * bins.count / (look + bins.count), value))
        scores.append(max(found)[0])
        surely = any(sure > PSI_SURE and value > PSI_LARGE for sure, value in found)
        alarms.append(float(look >= PSI_QUESTIONS and surely))
    return scores, alarms


def _score_by_evidently(streams: Streams, looks: Sequence[int], beside: EvidentlyRun) -> Scores:
    with tempfile.TemporaryDirectory() as scratch:
        given, taken = Path(scratch) / "streams.npz", Path(scratch) / "scores.npz"
        np.savez(
            given,
            vectors=streams.vectors,
            references=streams.references[: beside.streams],
            questions=streams.questions[: beside.streams],
            looks=np.array(looks),
        )
        run = subprocess.run([beside.python, _PROGRAM, given, taken], check=False, stderr=subprocess.PIPE, text=True)
        if run.returncode:
            print(run.stderr, file=sys.stderr)
            raise BadResponse(f"{_PROGRAM.name} failed in the environment of {beside.python}: see above.")
        with np.load(taken) as scores:
            return {f"evidently {name}": scores[name] for name in scores.files}
