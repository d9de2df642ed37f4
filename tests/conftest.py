"""What many tests share: the exported model, and a data directory that has it."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from ingest.migration.export import export_onnx
from rag.embedding.weights import PACKAGED_MODEL, find_weights

# What an example takes says how busy the machine is; a test that means a time limit sets one.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def onnx_models(tmp_path_factory) -> Path:
    """A folder with the ONNX form of the packaged embedder, exported once."""
    folder = tmp_path_factory.mktemp("models")
    weights = find_weights(PACKAGED_MODEL)
    export_onnx(weights, folder / weights.onnx_name)
    return folder


@pytest.fixture
def data_dir(tmp_path, onnx_models) -> Path:
    """An empty data directory whose embedder starts quickly."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "models").symlink_to(onnx_models)
    return folder
