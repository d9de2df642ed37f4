"""A bounded random sample of each day's questions, with vectors and numbers but without texts.

Each process writes one file per day, such as drift/windows/2026-11-24-5f0c….npz. `draw_together` merges them.
"""

import json
import random
import threading
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from rag.errors import InvalidInput
from rag.types import EmbedderIdentity
from service.drift.archives import UNREADABLE, open_arrays, write_arrays
from service.drift.base import FORMER_NAMES, OF_THE_ANSWER, Feature, Observation

SCHEMA = 1
# Two weeks: the same weekday of the previous week is available, even if that was a holiday.
_KEPT_DAYS = 15
_SEED = 28
# unknown_words depends on the reference that was active on that day, so it cannot be compared between days.
_FEATURES: tuple[Feature, ...] = tuple(feature for feature in OF_THE_ANSWER if feature != "unknown_words")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A sample of questions and the number of questions that it was drawn from."""

    observations: Sequence[Observation]
    seen: int
    embedder: EmbedderIdentity


class Recorder:
    """A reservoir sample (Vitter's algorithm R, 1985). Each question of the day has the same probability."""

    def __init__(self, folder: Path, embedder: EmbedderIdentity, *, size: int) -> None:
        self._folder = folder
        self._embedder = embedder
        self._size = size
        self._process = uuid.uuid4().hex[:12]
        self._random = random.Random()
        self._sample = _Sample(_today())
        self._saving = threading.Lock()

    def add(self, observation: Observation) -> None:
        """Add a question, which takes about a microsecond.

        The first question after midnight discards what was not saved, which is at most one minute of the old day.
        """
        sample, today = self._sample, _today()
        if today != sample.day:
            # A new object, because a save may be reading the old one in another thread.
            sample = self._sample = _Sample(today)
        if len(sample.reservoir) < self._size:
            sample.reservoir.append(observation)
        elif (place := self._random.randrange(sample.seen + 1)) < self._size:
            sample.reservoir[place] = observation
        sample.seen += 1

    def save(self) -> None:
        """Write the sample of the day if it has grown. Waits for a save that is already running."""
        with self._saving:
            sample = self._sample
            # `seen` first: a question added in between then makes the next save write again.
            seen, observations = sample.seen, list(sample.reservoir)
            if seen == sample.written:
                return
            window = Window(observations=observations, seen=seen, embedder=self._embedder)
            write_window(window, self._folder / f"{sample.day.isoformat()}-{self._process}.npz")
            sample.written = seen


@dataclass(slots=True)
class _Sample:
    """The reservoir of one day."""

    day: date
    reservoir: list[Observation] = field(default_factory=list)
    seen: int = 0
    written: int = 0


def remove_old(folder: Path) -> None:
    """Remove windows older than fifteen days, and drafts that killed processes left."""
    oldest = (_today() - timedelta(days=_KEPT_DAYS)).isoformat()
    for path in folder.glob("????-??-??-*"):
        if path.name < oldest:
            path.unlink(missing_ok=True)


def write_window(window: Window, path: Path) -> None:
    header = {"schema": SCHEMA, "embedder": asdict(window.embedder), "seen": window.seen, "features": _FEATURES}
    missing = float("nan")
    values = [[it.values.get(feature, missing) for feature in _FEATURES] for it in window.observations]
    write_arrays(
        path,
        header=np.array(json.dumps(header)),
        vectors=np.stack([it.vector for it in window.observations]).astype(np.float16),
        values=np.array(values, dtype=np.float32),
    )


def read_window(path: Path) -> Window:
    """Read a window. Raises `InvalidInput` if the file is not a valid one."""
    try:
        with open_arrays(path) as file:
            header: dict[str, Any] = json.loads(str(file["header"]))
            names = [FORMER_NAMES.get(name, name) for name in header["features"]]
            vectors = file["vectors"].astype(np.float32)
            values = file["values"].astype(np.float64)
            rows = [dict(zip(names, row.tolist(), strict=True)) for row in values]
            features = [{name: row[name] for name in _FEATURES if not np.isnan(row.get(name, np.nan))} for row in rows]
            pairs = zip(vectors, features, strict=True)
            return Window(
                observations=[Observation(vector=vector, values=values) for vector, values in pairs],
                seen=int(header["seen"]),
                embedder=EmbedderIdentity(**header["embedder"]),
            )
    except UNREADABLE as error:
        raise InvalidInput(f"{path} is not a valid window of questions: {error}") from error


def draw_together(windows: Sequence[Window]) -> Window:
    """Merge windows, each with its share of the questions seen. Raises `InvalidInput` if the embedders differ."""
    embedders = {window.embedder for window in windows}
    if len(embedders) != 1:
        raise InvalidInput("The windows are empty or from different embedders. Choose days with one embedder.")
    seen = sum(window.seen for window in windows)
    most = min(len(window.observations) * seen / window.seen for window in windows if window.seen)
    draw = random.Random(_SEED)
    drawn: list[Observation] = []
    for window in windows:
        count = min(round(most * window.seen / seen), len(window.observations))
        drawn += draw.sample(list(window.observations), count)
    return Window(observations=drawn, seen=seen, embedder=embedders.pop())


def _today() -> date:
    return datetime.now(UTC).date()
