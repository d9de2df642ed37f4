"""One running service with a small collection of its own, for the tests that only ask."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rag.store.files import copy_folder
from tests.support.commands import run_command
from tests.support.programs import Service, service

HANDBOOK = """# Pump handbook

## Maintenance

The impeller of the Kestrel pump must be replaced every 4,000 hours of operation. Use only seals of the type S-17.
Before any work on the pump, close the inlet valve and wait until the pressure gauge shows zero.

## Faults

Error E1234 means that the oil level is too low. Fill up oil of grade ISO 46 and restart the controller.
Error E2001 means that the motor is too hot. Let it cool for 30 minutes.

## History

The Kestrel pump was designed in Rotterdam in 1987 by a team of four engineers.
"""


@pytest.fixture(scope="session")
def handbook(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("documents")
    (folder / "handbook.md").write_text(HANDBOOK)
    return folder


@pytest.fixture(scope="session")
def ingested(tmp_path_factory, onnx_models) -> Callable[[Path], Path]:
    """Return a function that returns a new data directory with the documents of a folder.

    Each folder is ingested once, because that takes seconds. The data directories have copies of the result.
    """
    filled: dict[Path, Path] = {}

    def create_empty() -> Path:
        data_dir = tmp_path_factory.mktemp("data")
        (data_dir / "models").symlink_to(onnx_models)
        return data_dir

    def create(documents: Path) -> Path:
        if documents not in filled:
            filled[documents] = create_empty()
            status, _ = run_command("run", str(documents), data_dir=filled[documents])
            assert status == 0
        data_dir = create_empty()
        copy_folder(filled[documents] / "store", data_dir / "store", reserve=0)
        return data_dir

    return create


@pytest.fixture(scope="session")
def running(ingested, handbook) -> Iterator[Service]:
    # Short answers: the model's are as long as they may be, and many tests wait for them. A test needs six tokens.
    with service(ingested(handbook), RAG_ANSWERING__MAX_TOKENS="12") as started:
        yield started
