"""Drift: references, counters per bin, and windows of questions."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from rag.errors import InvalidInput
from rag.types import EmbedderIdentity
from service.drift.base import OF_THE_VECTOR, Observation
from service.drift.bins import psi
from service.drift.reference import build_reference, read_reference, word_key, write_reference
from service.drift.watching import DriftWatch, open_drift_watch
from service.drift.window import Recorder, Window, draw_together, read_window, write_window
from tests.support.passages import hit

EMBEDDER = EmbedderIdentity(model="round", dimension=16)
OTHER = EmbedderIdentity(model="square", dimension=16)


def vectors(count: int, *, seed: int) -> np.ndarray:
    found = np.random.default_rng(seed).normal(size=(count, 16)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def observations(count: int, *, seed: int = 1) -> list[Observation]:
    return [
        Observation(vector=vector, values={"similarity": 0.5 + 0.001 * number, "declined": float(number % 10 == 0)})
        for number, vector in enumerate(vectors(count, seed=seed))
    ]


def counted(reference: str, feature: str) -> float:
    found = 0.0
    for metric in REGISTRY.collect():
        for sample in metric.samples:
            labels = sample.labels
            if sample.name == "rag_drift_observations_total" and labels["reference"] == reference:
                found += sample.value if labels["feature"] == feature else 0
    return found


def ratio(reference: str, feature: str, number: int) -> float | None:
    labels = {"feature": feature, "bin": str(number), "reference": reference}
    return REGISTRY.get_sample_value("rag_drift_reference_ratio", labels)


def test_a_reference_survives_writing_and_reading(tmp_path):
    reference = build_reference(observations(60), EMBEDDER, [word_key("pump"), 7])
    write_reference(reference, tmp_path / "drift" / "reference.npz")
    found = read_reference(tmp_path / "drift" / "reference.npz")
    assert (found.id, found.embedder, found.bins, found.vocabulary) == (
        reference.id,
        EMBEDDER,
        reference.bins,
        reference.vocabulary,
    )
    question = vectors(1, seed=9)[0]
    assert found.of_vector(question) == reference.of_vector(question)


def test_a_feature_that_an_earlier_version_wrote_under_another_name_is_read(tmp_path):
    reference = build_reference(observations(60), EMBEDDER)
    earlier = {"refused" if feature == "declined" else feature: bins for feature, bins in reference.bins.items()}
    write_reference(replace(reference, bins=earlier), tmp_path / "reference.npz")
    assert read_reference(tmp_path / "reference.npz").bins == reference.bins


def test_a_reference_with_other_content_has_another_id():
    assert build_reference(observations(60), EMBEDDER).id == build_reference(observations(60), EMBEDDER).id
    assert build_reference(observations(60), EMBEDDER).id != build_reference(observations(60, seed=2), EMBEDDER).id
    # The share of unknown words depends on the vocabulary.
    assert build_reference(observations(60), EMBEDDER).id != build_reference(observations(60), EMBEDDER, [7]).id


def test_questions_in_a_fixed_order_show_no_drift_when_they_repeat():
    asked = [Observation(vector=vector, values={}) for vector in np.tile(vectors(6, seed=4), (50, 1))]
    reference = build_reference(asked, EMBEDDER)
    of_vectors = np.array([reference.of_vector(it.vector) for it in asked])
    for feature, values in zip(OF_THE_VECTOR, of_vectors.T, strict=True):
        bins = reference.bins[feature]
        assert psi(bins.shares(values), bins.ratios) < 0.1


@pytest.mark.parametrize("body", [b"", b"no", b"PK\x03\x04 cut off"])
def test_a_file_that_is_not_a_reference_is_rejected(tmp_path, body):
    (tmp_path / "reference.npz").write_bytes(body)
    with pytest.raises(InvalidInput, match="not a valid drift reference"):
        read_reference(tmp_path / "reference.npz")
    with pytest.raises(InvalidInput, match="at least 20 questions"):
        build_reference(observations(3), EMBEDDER)


def test_each_answer_is_counted_in_one_bin_per_feature():
    watch = DriftWatch()
    reference = build_reference(observations(60, seed=3), EMBEDDER, [word_key("pump")])
    watch.compare_with(reference)
    for vector in vectors(5, seed=4):
        watch.observe(
            "pump", vector, [hit("pump", similarity=0.51), hit("seal", similarity=0.4)], "Pump.", by_model=False
        )
    watch.observe("seal", vectors(1, seed=5)[0], [], None, by_model=False)
    assert counted(reference.id, "nearest_questions") == 6
    assert counted(reference.id, "declined") == 6
    assert counted(reference.id, "similarity") == 5
    # The reference had too few values of these features to cut bins.
    assert counted(reference.id, "margin") == 0
    assert ratio(reference.id, "declined", 0) == pytest.approx(0.9)


async def test_a_rebuilt_reference_is_loaded_while_the_service_runs(tmp_path, monkeypatch):
    monkeypatch.setattr("service.drift.watching._POLL_SECONDS", 0.01)
    path = tmp_path / "reference.npz"
    first, second = (build_reference(observations(60, seed=seed), EMBEDDER) for seed in (6, 7))
    write_reference(first, path)
    async with open_drift_watch(path, tmp_path / "windows", EMBEDDER, window=0) as watch:
        watch.observe("q", vectors(1, seed=8)[0], [], None, by_model=False)
        write_reference(second, path)
        deadline = time.monotonic() + 120
        while ratio(second.id, "declined", 0) is None and time.monotonic() < deadline:  # noqa: ASYNC110 - a gauge
            await asyncio.sleep(0.01)
        watch.observe("q", vectors(1, seed=8)[0], [], None, by_model=False)
    assert (counted(first.id, "declined"), counted(second.id, "declined")) == (1, 1)
    assert ratio(first.id, "declined", 0) is None


async def test_the_reference_of_another_embedder_is_ignored(tmp_path):
    path = tmp_path / "reference.npz"
    reference = build_reference(observations(60, seed=11), OTHER)
    write_reference(reference, path)
    async with open_drift_watch(path, tmp_path / "windows", EMBEDDER, window=0) as watch:
        watch.observe("q", vectors(1, seed=8)[0], [], None, by_model=False)
    assert counted(reference.id, "declined") == 0


async def test_a_reference_that_cannot_be_used_is_a_state_of_its_own(tmp_path):
    path = tmp_path / "reference.npz"

    async def refused() -> float | None:
        async with open_drift_watch(path, tmp_path / "windows", EMBEDDER, window=0):
            return REGISTRY.get_sample_value("rag_drift_reference_refused")

    assert await refused() == 0
    path.write_text("damaged")
    assert await refused() == 1
    write_reference(build_reference(observations(60, seed=11), OTHER), path)
    assert await refused() == 1
    write_reference(build_reference(observations(60, seed=11), EMBEDDER), path)
    assert await refused() == 0


class Broken:
    """A recorder that fails."""

    def add(self, _: Observation) -> None:
        raise ValueError("no")


def test_an_observation_that_fails_is_logged_and_does_not_reach_the_answer():
    with capture_logs() as lines:
        DriftWatch(Broken()).observe("secret", vectors(1, seed=8)[0], [], "secret", by_model=False)
    assert [(line["event"], line["log_level"]) for line in lines] == [("question_not_observed", "error")]


async def test_a_window_contains_vectors_and_numbers_but_no_text(tmp_path):
    async with open_drift_watch(tmp_path / "none", tmp_path / "windows", EMBEDDER, window=10) as watch:
        for vector in vectors(30, seed=12):
            watch.observe("secret", vector, [hit("pump", similarity=0.5)], "secret", by_model=False)
    [path] = (tmp_path / "windows").iterdir()
    window = _window_in(tmp_path / "windows")
    assert (len(window.observations), window.seen, window.embedder) == (10, 30, EMBEDDER)
    assert window.observations[0].values["answer_words"] == 1
    assert b"secret" not in path.read_bytes()


async def test_no_window_is_written_by_default(tmp_path):
    async with open_drift_watch(tmp_path / "none", tmp_path / "windows", EMBEDDER, window=0) as watch:
        watch.observe("q", vectors(1, seed=8)[0], [], None, by_model=False)
    assert not (tmp_path / "windows").exists()


@pytest.mark.parametrize("window", [0, 10])
async def test_windows_and_drafts_expire_after_fifteen_days_even_without_a_recorder(tmp_path, monkeypatch, window):
    monkeypatch.setattr("service.drift.watching._POLL_SECONDS", 0.001)
    # The second window is kept even if midnight passes during the test.
    days = [(datetime.now(UTC) - timedelta(days=age)).date().isoformat() for age in (1, 13, 17)]
    windows = tmp_path / "windows"

    def leave() -> None:
        for day in days:
            (windows / f"{day}-aa.npz").write_bytes(b"")
            (windows / f"{day}-bb.npz.draft").write_bytes(b"")

    def left() -> set[str]:
        return {path.name[:10] for path in windows.iterdir()}

    windows.mkdir()
    leave()
    async with open_drift_watch(tmp_path / "none", windows, EMBEDDER, window=window):
        assert left() == set(days[:2])
        # Windows must also expire in a service that runs for days.
        leave()
        deadline = time.monotonic() + 120
        while len(left()) > 2 and time.monotonic() < deadline:  # noqa: ASYNC110 - a folder
            await asyncio.sleep(0.01)
        assert left() == set(days[:2])
    assert len(list(windows.iterdir())) == 4


def test_concurrent_saves_run_one_after_the_other(tmp_path):
    recorder = Recorder(tmp_path, EMBEDDER, size=3000)
    for observation in observations(3000):
        recorder.add(observation)
    with ThreadPoolExecutor(4) as threads:
        for saved in [threads.submit(recorder.save) for _ in range(4)]:
            saved.result()
    assert len(_window_in(tmp_path).observations) == 3000


@pytest.mark.slow
def test_each_question_has_the_same_probability_to_be_sampled(tmp_path):
    kept = np.zeros(40)
    for run in range(600):
        recorder = Recorder(tmp_path / str(run), EMBEDDER, size=10)
        for number in range(40):
            recorder.add(Observation(vector=np.array([number], dtype=np.float32), values={}))
        recorder.save()
        for it in _window_in(tmp_path / str(run)).observations:
            kept[int(it.vector[0])] += 1
    # Binomial: 150 expected, five deviations are 53.
    assert np.abs(kept - 150).max() < 53


def test_windows_of_two_replicas_are_weighted_by_their_questions(tmp_path):
    busy = Window(observations=observations(20), seen=900, embedder=EMBEDDER)
    idle = Window(observations=observations(20, seed=2), seen=100, embedder=EMBEDDER)
    together = draw_together([busy, idle])
    assert len(together.observations) == 22
    assert together.seen == 1000
    write_window(together, tmp_path / "one.npz")
    assert len(read_window(tmp_path / "one.npz").observations) == 22
    with pytest.raises(InvalidInput, match="different embedders"):
        draw_together([busy, Window(observations=observations(20), seen=1, embedder=OTHER)])


def _window_in(folder: Path) -> Window:
    [path] = folder.iterdir()
    return read_window(path)
