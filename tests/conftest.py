"""Fixtures and settings that every kind of test shares."""

import fcntl
import hashlib
import importlib.metadata
import logging
import os
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from rag.embedding.weights import PACKAGED_MODEL, Weights, find_weights

_EXPORT = Path(__file__).parents[1] / "ingest" / "migration" / "export.py"
_EXPORTERS = ("torch", "onnx", "onnxscript", "sentence-transformers")

# The settings of the developer must not reach the tests.
for _name in [name for name in os.environ if name.upper().startswith("RAG_")]:
    del os.environ[_name]

# A busy machine makes examples slow, so no example has a time limit unless its test sets one.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their parameter: compressed data holds the time, and all xdist workers need the same names."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def onnx_models(tmp_path_factory, pytestconfig) -> Path:
    """Return a folder with the ONNX form of the packaged embedder.

    The export takes half a minute, so pytest's cache keeps it until the weights, the exporter or its libraries change.
    `pytest --cache-clear` exports again.
    """
    weights = find_weights(PACKAGED_MODEL)
    cached = pytestconfig.cache.mkdir(f"onnx-{_export_key(weights)}") / weights.onnx_name
    with cached.with_suffix(".lock").open("w") as lock:
        # Two xdist workers would otherwise export side by side.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not cached.exists():
            _export(weights, cached)
    folder = tmp_path_factory.mktemp("models")
    # Tests may replace or remove what is in their folder. The 90 MB stay in the cache.
    (folder / cached.name).symlink_to(cached)
    return folder


@pytest.fixture
def logging_restored():
    """Undo what `run_program` configures for the whole process."""
    configuration, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    structlog.configure(**configuration)
    root.handlers = handlers
    root.setLevel(level)


@pytest.fixture
def data_dir(tmp_path, onnx_models) -> Path:
    """Return an empty data directory that has the ONNX form, so programs need not export it."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "models").symlink_to(onnx_models)
    return folder


def _export_key(weights: Weights) -> str:
    versions = [importlib.metadata.version(name) for name in _EXPORTERS]
    return hashlib.sha256(f"{weights.sha256} {_EXPORT.read_text()} {versions}".encode()).hexdigest()[:16]


def _export(weights: Weights, target: Path) -> None:
    # Here, because importing torch takes longer than most test files.
    from ingest.migration.export import export_onnx  # noqa: PLC0415

    export_onnx(weights, target)
